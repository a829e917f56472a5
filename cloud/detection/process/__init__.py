"""The sweep: three times a day sites are measured, then judged beside each other, then told of."""

from cloud.detection.process.alarming import alarm
from cloud.detection.process.holding import decide
from cloud.detection.process.judging import judge
from cloud.detection.process.measuring import measure
from cloud.detection.process.planning import REGION, SHARD, WATCH, plan
from cloud.detection.process.watching import watch

__all__ = ["REGION", "SHARD", "WATCH", "alarm", "decide", "judge", "measure", "plan", "watch"]
