"""Messages to send: a usual one, and one in which everything is as odd as names on a bill can be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from outlay.core.message import Message

AT = datetime(2026, 10, 21, 6, 4, tzinfo=UTC)

USUAL = Message(
    key="daily-aws/USD",
    severity="critical",
    title="2,310.45 USD on aws on 20 October, limit 2,000",
    text="aws cost 2,310.45 USD on 20 October, which is above the critical limit of 2,000.00 USD a day.\n"
    "It has been above the warning of 1,000.00 USD since 18 October.",
    at=AT,
    facts=(("Provider", "aws"), ("Most of it", "Amazon EC2, 1,502.10 USD"), ("Rule", "daily-aws")),
    series=[(date(2026, 10, 20) - timedelta(days=29 - n), Decimal(600 + 37 * (n * n % 17))) for n in range(29)]
    + [(date(2026, 10, 20), Decimal("2310.45"))],
    currency="USD",
    url="https://costs.example.com/?provider=aws&days=30",
)

ODD = replace(
    USUAL,
    key="team <b>\r\nBcc: all@example.com",
    severity="warning",
    title="12.00 USD\r\nBcc: victim@example.com\x00\u2028 <script>alert(1)</script> & <!channel> \u202eevil",
    text="<img src=x onerror=alert(1)> & *bold* [link](javascript:alert(1)) <!here>\r\n.\r\nQUIT\r\n" + "long " * 2000,
    facts=tuple((f"<i>{n}</i>*", f"`{n}` & <https://evil.example|x>" + "x" * 3000) for n in range(120)),
    url="javascript:alert(1)",
)

BARE = Message(key="k", severity="resolved", title="0.00 USD: over", text="", at=AT)
