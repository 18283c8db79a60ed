"""Azure's service names: what groups them, and the categories of FOCUS 1.2 they fall in.

Shared by every way to Azure's bills, so that one service has one name whichever way it came. The rules are in
docs/sources/azure-query.md. In Python they are `group_of` and `service_of`; for SQL over files the same tables come as
`group_sql` and `service_sql`, in DuckDB's words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple


class Service(NamedTuple):
    """The FOCUS category and subcategory of a service."""

    category: str
    subcategory: str


OTHER = Service("Other", "Other (Other)")

# The tag that keeps a service's own name, on rows whose `service_name` is a group instead.
ORIGINAL = "x_service_name"

OPENAI, SPEECH_TO_TEXT, TEXT_TO_SPEECH = "Azure OpenAI", "Azure Speech-to-Text", "Azure Text-to-Speech"

# What tells a group, in lower-case texts, the first that fits: regular expressions that Python and RE2 (DuckDB,
# ClickHouse) read alike. A voice of OpenAI is bought from OpenAI, so that group comes first.
GROUPS: Mapping[str, str] = {
    OPENAI: (
        r"\bopenai\b|gpt|\b(text[- ])?(davinci|babbage|curie|ada)\b|\bembeddings?\b|\bcodex\b|\bdall-?e|\bwhisper\b"
        r"|\bsora\b|\bo[134]( |-|$)(mini|preview|pro|\d|inp|outp|cached)?"
    ),
    TEXT_TO_SPEECH: r"text[- ]to[- ]speech|\btts\b|\bneural (hd )?(voice|tts|realtime|long audio)|\bs1 custom neural\b",
    SPEECH_TO_TEXT: r"speech[- ]to[- ]text|\bstt\b|\btranscription\b",
}
# Azure's meters are free text: `ada` and `gpt` in them mean models only where AI is what is sold.
AI_SERVICES: tuple[str, ...] = (
    "ai services",
    "azure ai foundry",
    "azure ai services",
    "azure applied ai services",
    "azure cognitive services",
    "azure openai",
    "azure openai service",
    "azure speech",
    "cognitive services",
    "foundry models",
    "foundry tools",
    "microsoft.cognitiveservices",
    "speech",
    "speech services",
)

_BY_CATEGORY: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("AI and Machine Learning", "AI Platforms"): AI_SERVICES,
    ("AI and Machine Learning", "Bots"): ("azure bot service", "health bot", "microsoft.botservice"),
    ("AI and Machine Learning", "Generative AI"): ("azure openai", "azure openai service", "foundry models"),
    ("AI and Machine Learning", "Machine Learning"): (
        "azure machine learning",
        "machine learning service",
        "machine learning studio",
        "microsoft.machinelearningservices",
    ),
    ("AI and Machine Learning", "Natural Language Processing"): (
        "azure speech",
        "azure speech-to-text",
        "azure text-to-speech",
        "speech",
        "speech services",
    ),
    ("Analytics", "Analytics Platforms"): (
        "azure data explorer",
        "azure databricks",
        "azure synapse analytics",
        "hdinsight",
        "microsoft fabric",
        "microsoft.databricks",
        "microsoft.fabric",
        "microsoft.kusto",
        "microsoft.synapse",
    ),
    ("Analytics", "Business Intelligence"): ("azure analysis services", "power bi", "power bi embedded"),
    ("Analytics", "Search"): ("azure ai search", "azure cognitive search", "azure search", "microsoft.search"),
    ("Analytics", "Streaming Analytics"): ("microsoft.streamanalytics", "stream analytics"),
    ("Compute", "Containers"): (
        "azure arc enabled kubernetes",
        "azure container apps",
        "azure kubernetes service",
        "azure red hat openshift",
        "container instances",
        "container registry",
        "microsoft.app",
        "microsoft.containerinstance",
        "microsoft.containerregistry",
        "microsoft.containerservice",
    ),
    ("Compute", "End User Computing"): ("azure virtual desktop", "windows 365", "microsoft dev box"),
    ("Compute", "Serverless Compute"): ("azure functions", "functions"),
    ("Compute", "Virtual Machines"): (
        "azure dedicated host",
        "azure vmware solution",
        "batch",
        "cloud services",
        "microsoft.batch",
        "microsoft.classiccompute",
        "microsoft.compute",
        "virtual machine licenses",
        "virtual machine scale sets",
        "virtual machines",
        "virtual machines licenses",
    ),
    ("Compute", "Other (Compute)"): ("azure savings plan for compute", "microsoft.billingbenefits"),
    ("Databases", "Caching"): ("azure cache for redis", "azure managed redis", "microsoft.cache", "redis cache"),
    ("Databases", "Data Warehouses"): ("azure synapse analytics dedicated sql pool", "sql data warehouse"),
    ("Databases", "NoSQL Databases"): ("azure cosmos db", "cosmos db", "microsoft.documentdb"),
    ("Databases", "Relational Databases"): (
        "azure database for mariadb",
        "azure database for mysql",
        "azure database for postgresql",
        "azure sql database",
        "microsoft.dbformariadb",
        "microsoft.dbformysql",
        "microsoft.dbforpostgresql",
        "microsoft.sql",
        "sql database",
        "sql managed instance",
        "sql server stretch database",
    ),
    ("Developer Tools", "Continuous Integration and Deployment"): ("azure devops", "azure pipelines"),
    ("Developer Tools", "Developer Platforms"): ("github", "microsoft.visualstudio", "visual studio subscription"),
    ("Developer Tools", "Quality Assurance"): ("azure load testing", "microsoft playwright testing"),
    ("Identity", "Identity and Access Management"): (
        "azure active directory",
        "azure active directory b2c",
        "azure active directory domain services",
        "azure active directory for external identities",
        "microsoft entra domain services",
        "microsoft entra id",
        "microsoft.aad",
        "microsoft.azureactivedirectory",
    ),
    ("Integration", "API Management"): ("api management", "microsoft.apimanagement"),
    ("Integration", "Messaging"): (
        "azure communication services",
        "email",
        "event grid",
        "event hubs",
        "messaging",
        "microsoft.communication",
        "microsoft.eventgrid",
        "microsoft.eventhub",
        "microsoft.notificationhubs",
        "microsoft.servicebus",
        "notification hubs",
        "service bus",
    ),
    ("Integration", "Workflow Orchestration"): (
        "automation",
        "azure automation",
        "azure data factory",
        "azure data factory v2",
        "logic apps",
        "microsoft.automation",
        "microsoft.datafactory",
        "microsoft.logic",
    ),
    ("Internet of Things", "IoT Platforms"): ("azure iot central", "digital twins", "iot hub", "microsoft.devices"),
    ("Management and Governance", "Compliance"): ("azure policy", "microsoft purview", "microsoft.purview"),
    ("Management and Governance", "Disaster Recovery"): ("azure site recovery", "microsoft.recoveryservices"),
    ("Management and Governance", "Observability"): (
        "application insights",
        "azure grafana service",
        "azure managed grafana",
        "azure monitor",
        "insight and analytics",
        "log analytics",
        "microsoft.insights",
        "microsoft.monitor",
        "microsoft.operationalinsights",
    ),
    ("Management and Governance", "Support"): ("azure support", "support"),
    ("Media", "Media Streaming"): ("media services", "microsoft.media"),
    ("Migration", "Data Migration"): ("azure data box", "azure database migration service", "data box"),
    ("Multicloud", "Multicloud Integration"): ("azure arc", "azure stack hci", "microsoft.hybridcompute"),
    ("Networking", "Application Networking"): (
        "application gateway",
        "azure front door",
        "azure front door service",
        "load balancer",
    ),
    ("Networking", "Content Delivery"): ("content delivery network", "microsoft.cdn"),
    ("Networking", "Network Connectivity"): (
        "azure bastion",
        "azure private link",
        "bandwidth",
        "expressroute",
        "nat gateway",
        "virtual wan",
        "vpn gateway",
    ),
    ("Networking", "Network Infrastructure"): ("ip addresses", "microsoft.network", "public ip", "virtual network"),
    ("Networking", "Network Routing"): ("azure dns", "dns", "traffic manager"),
    ("Networking", "Network Security"): ("azure ddos protection", "azure firewall", "azure firewall manager"),
    ("Security", "Secret Management"): ("azure dedicated hsm", "key vault", "microsoft.keyvault"),
    ("Security", "Security Posture Management"): ("advanced data security", "microsoft.security", "security center"),
    ("Security", "Threat Detection and Response"): (
        "advanced threat protection",
        "azure sentinel",
        "microsoft defender for cloud",
        "sentinel",
    ),
    ("Storage", "Backup Storage"): ("azure backup", "backup"),
    ("Storage", "File Storage"): ("azure files", "azure netapp files", "microsoft.netapp"),
    ("Storage", "Storage Platforms"): ("microsoft.classicstorage", "microsoft.storage", "storage", "storage accounts"),
    ("Web", "Application Platforms"): (
        "app configuration",
        "app service",
        "azure app service",
        "azure maps",
        "azure spring apps",
        "azure spring cloud",
        "microsoft.web",
        "signalr",
        "static web apps",
    ),
}

# By meter category, service name, group or consumed service, all in lower case. Later lines win: they are finer.
SERVICES: Mapping[str, Service] = {
    name: Service(*category) for category, names in _BY_CATEGORY.items() for name in names
}


def group_of(service: str, *details: str) -> str:
    """The name a service is grouped by: Azure OpenAI, Azure Speech-to-Text, Azure Text-to-Speech, else its own.

    `details` are what the bill says besides (meter subcategory, meter): they are looked at for AI services only.
    """
    texts = [service, *details] if is_ai(service) else [service]
    text = " / ".join(texts).lower()
    return next((group for group, pattern in GROUPS.items() if re.search(pattern, text)), service)


def service_of(*names: str | None) -> Service:
    """The category of the first of these names that is known: the group, the service, the consumed service."""
    known = (SERVICES.get((name or "").strip().lower()) for name in names)
    return next((service for service in known if service), OTHER)


def is_ai(service: str) -> bool:
    """Whether a service sells models and speech, so that only its meters tell which."""
    return service.strip().lower() in AI_SERVICES


def service_columns(service: str, *details: str) -> dict[str, Any]:
    """The service columns of a charge: the group it belongs to, its category, and its own name beside a group's."""
    if not service.strip():
        return {}
    group = group_of(service, *details)
    category, subcategory = service_of(group, service)
    own = {} if group == service else {"tags": {ORIGINAL: service}}
    return {"service_name": group, "service_category": category, "service_subcategory": subcategory, **own}


def group_sql(service: str, *details: str) -> str:
    """`group_of` of DuckDB expressions, as one; null where the service is."""
    ai = f"regexp_full_match(lower(trim({service})), {_text('|'.join(map(re.escape, AI_SERVICES)))})"
    own, all_of_it = f"lower({service})", f"lower(concat_ws(' / ', {', '.join([service, *details])}))"
    text = f"CASE WHEN {ai} THEN {all_of_it} ELSE {own} END"
    whens = " ".join(
        f"WHEN regexp_matches({text}, {_text(pattern)}) THEN {_text(group)}" for group, pattern in GROUPS.items()
    )
    return f"CASE {whens} ELSE {service} END"


def service_sql(part: Literal["category", "subcategory"], *names: str) -> str:
    """One part of `service_of` of DuckDB expressions, as one."""
    table = " ".join(f"WHEN {_text(name)} THEN {_text(getattr(service, part))}" for name, service in SERVICES.items())
    # The engine writes what a CASE is about into each of its branches: a name that is long itself comes once this way.
    # A MAP would be laid out anew for every row.
    known = (f"list_transform([lower(trim({name}))], lambda name: CASE name {table} END)[1]" for name in names)
    return f"coalesce({', '.join(known)}, {_text(getattr(OTHER, part))})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
