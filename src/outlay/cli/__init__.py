"""The command line: parsing arguments and wiring. The only place that names a source and a store together."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from outlay import __version__
from outlay.core.errors import OutlayError, choices

# Each command, the module that holds it, and what the list of commands says of it: `outlay --help` imports none.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("setup", "Write a commented outlay.yaml."),
    "init-db": ("setup", "Create or migrate the store."),
    "migrate-store": ("migrate", "Copy every charge to another store, and prove it."),
    "test-auth": ("setup", "Ask every source whether access works."),
    "test-connections": ("setup", "The same as test-auth."),
    "collect": ("collect", "Fetch what the clouds charge."),
    "costs": ("costs", "Show costs by any dimension."),
    "check": ("check", "Compare costs with thresholds, for Nagios and Icinga."),
    "alerts": ("alerts", "Show what is amiss; take it on, silence it, replay rules."),
    "runs": ("history", "Show what was collected, and what failed."),
    "restatements": ("history", "Show the days whose costs were restated."),
    "readings": ("history", "Show numbers that are no charges: invoices, utilisation."),
    "reconcile": ("reconcile", "Compare what is stored with an invoice."),
    "cache": ("cache", "Show or clear what is kept of earlier answers."),
    "export-prometheus": ("export", "Write or push the metrics, or history by day."),
    "keys": ("keys", "Create, list and revoke API keys."),
    "serve": ("serve", "Dashboard, API, /metrics and scheduler in one process."),
    "demo": ("serve", "The same on generated data, without credentials."),
    "exporter": ("serve", "/metrics and scheduler alone."),
    "api": ("serve", "The API alone."),
    "dashboard": ("serve", "The dashboard alone."),
}


class _Commands(click.Group):
    """Loads a command's module when the command is called, and finishes what it printed."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _forget_output()  # the reader left, as `head` does: it has what it wanted
            return 0
        return result

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args[0] not in COMMANDS:
            raise click.UsageError(choices("command", args[0], [*COMMANDS]), ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"outlay.cli.{COMMANDS[cmd_name][0]}")
        name = "test-auth" if cmd_name == "test-connections" else cmd_name
        command: click.Command = getattr(module, name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_, help_) in COMMANDS.items()])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="outlay")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file.  [default: outlay.yaml, if there]")
@click.pass_context
def outlay(ctx: click.Context, config: Path | None) -> None:
    """What every cloud charges, kept exactly and answered fast."""
    ctx.obj = config


def main(args: list[str] | None = None) -> None:
    """Run one command and exit.

    0 done, 1 failed, 2 wrong usage or settings, 3 some sources failed, 128 and the signal's number when stopped.
    """
    try:
        result: Any = outlay.main(args, prog_name="outlay", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(128 + signal.SIGINT)
    except OutlayError as error:
        click.echo(_told(error), err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        _forget_output()
        click.echo(f"outlay: {error.filename or 'output'}: {error.strerror or error}", err=True)
        sys.exit(OutlayError.exit_code)
    sys.exit(result if isinstance(result, int) else 0)


def _told(error: OutlayError) -> str:
    """One line; or, of several faults, one line for each."""
    faults = str(error).splitlines()
    return f"outlay: {error}" if len(faults) == 1 else "\n".join([f"outlay: {len(faults)} faults", *faults])


def _forget_output() -> None:
    """Let go of output that cannot be written, or Python complains of it once more on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
