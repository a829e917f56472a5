"""Runs a town on this machine: makes it if there is none, copies it into a folder, starts it."""

import argparse

from cloud.cli.screen import Screen
from cloud.local import people
from cloud.local.address import announced
from cloud.local.demo.play import Ports
from cloud.local.town import stage
from cloud.local.town.making import ENDS_AT


def up(options: argparse.Namespace) -> int:
    """Run the town of a folder until Ctrl-C, at a speed."""
    console = Screen(soft_wrap=True)
    folder = stage.prepared(options.folder, options.town_homes)
    ports = Ports(options.port, options.mqtt_port, options.smtp_port)
    with (
        stage.running(folder, ports=ports, speed=options.speed) as town,
        announced(folder, town.runtime),
    ):
        _say_where(town, options, console)
        town.controls.run(lambda _now: None)
    return 0


def _say_where(town: stage.Running, options: argparse.Namespace, console: Screen) -> None:
    runtime = town.runtime
    console.print(f"page   {runtime.address}/_local/")
    console.print(f"API    {runtime.address}/v1 and /ops")
    console.print(f"MQTT   mqtts://127.0.0.1:{runtime.mqtt_port}")
    console.print(f"SMTP   127.0.0.1:{runtime.smtp_port}  (mail to anybody at MailDomain)")
    console.print(f"people {', '.join(people.BY_NAME)}")
    console.print(f"token  sunreeve token NAME --folder {options.folder}")
    console.print(
        f"the clock shows {runtime.clock.now().astimezone(ENDS_AT.tzinfo):%a %d %b %Y %H:%M %Z} "
        f"and runs {options.speed:g} times as fast "
        f"(sunreeve clock --jump 1 --folder {options.folder} lets a day pass); "
        "Ctrl-C stops it, nothing is lost"
    )
