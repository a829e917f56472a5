"""The commands that tell of the others."""

from cloud.cli.shape import Chapter, Command, Completes, Example, Option

TEACHING = Chapter(
    "to learn it",
    (
        Command(
            "help",
            "what there is, or one command with its options and examples",
            (
                Example("sunreeve help", "lists all commands"),
                Example("sunreeve help fund approve", "tells all of one command"),
            ),
            runs="cloud.cli.teaching:show",
            options=(
                Option(
                    "command",
                    "of which",
                    is_many=True,
                    into="command_words",
                    completes=Completes.COMMAND,
                ),
                Option("--markdown", "all of it, as the page docs/cli.md"),
            ),
        ),
        Command(
            "completion",
            "what lets a shell complete commands, options and names of reports",
            (
                Example("sunreeve completion bash", "put it into ~/.bash_completion, or eval it"),
                Example("sunreeve completion fish", "for ~/.config/fish/completions/sunreeve.fish"),
            ),
            runs="cloud.cli.completion:show",
            options=(Option("shell", "whose", is_required=True, choices=("bash", "zsh", "fish")),),
            more='For zsh, put `eval "$(sunreeve completion zsh)"` into ~/.zshrc, below compinit.',
        ),
    ),
)
