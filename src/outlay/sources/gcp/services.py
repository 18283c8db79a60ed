"""What Google's services stand for, in the categories of FOCUS 1.2. Services that are not here are `Other`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

OTHER = ("Other", "Other (Other)")

# The names on the bill, in lower case.
_BY_CATEGORY: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("AI and Machine Learning", "AI Platforms"): (
        "vertex ai",
        "cloud machine learning engine",
        "document ai",
        "dialogflow",
        "discovery engine",
    ),
    ("AI and Machine Learning", "Generative AI"): ("gemini api", "generative language api", "gemini for google cloud"),
    ("AI and Machine Learning", "Machine Learning"): ("cloud automl", "automl", "tensorflow enterprise", "cloud tpu"),
    ("AI and Machine Learning", "Natural Language Processing"): (
        "cloud natural language",
        "cloud natural language api",
        "cloud speech api",
        "cloud text-to-speech api",
        "cloud translation",
        "translate",
    ),
    ("AI and Machine Learning", "Other (AI and Machine Learning)"): (
        "cloud vision api",
        "cloud video intelligence api",
        "recommendations ai",
    ),
    ("Analytics", "Analytics Platforms"): (
        "bigquery bi engine",
        "dataplex",
        "cloud data catalog",
        "data catalog",
        "analytics hub",
    ),
    ("Analytics", "Business Intelligence"): ("looker", "looker studio", "looker (google cloud core)"),
    ("Analytics", "Data Processing"): (
        "cloud dataproc",
        "cloud dataprep",
        "cloud data fusion",
        "cloud composer",
        "bigquery data transfer service",
    ),
    ("Analytics", "Streaming Analytics"): ("cloud dataflow",),
    ("Compute", "Containers"): (
        "kubernetes engine",
        "artifact registry",
        "container registry",
        "container registry vulnerability scanning",
    ),
    ("Compute", "Serverless Compute"): ("cloud run", "cloud run functions", "cloud functions", "app engine", "batch"),
    ("Compute", "Virtual Machines"): ("compute engine", "vmware engine", "bare metal solution", "sole-tenant nodes"),
    ("Databases", "Caching"): (
        "cloud memorystore for redis",
        "cloud memorystore for memcached",
        "memorystore for valkey",
    ),
    ("Databases", "Data Warehouses"): ("bigquery", "bigquery storage api", "bigquery reservation api"),
    ("Databases", "NoSQL Databases"): (
        "cloud firestore",
        "cloud datastore",
        "cloud bigtable",
        "firebase realtime database",
    ),
    ("Databases", "Relational Databases"): ("cloud sql", "cloud spanner", "alloydb"),
    ("Developer Tools", "Continuous Integration and Deployment"): ("cloud build", "cloud deploy"),
    ("Developer Tools", "Development Environments"): ("cloud workstations", "cloud shell"),
    ("Developer Tools", "Source Code Management"): ("cloud source repositories", "source repository"),
    ("Identity", "Identity and Access Management"): ("identity platform", "cloud identity", "cloud iam"),
    ("Integration", "API Management"): ("apigee", "cloud endpoints", "api gateway"),
    ("Integration", "Messaging"): ("cloud pub/sub", "cloud tasks", "eventarc", "managed service for apache kafka"),
    ("Integration", "Workflow Orchestration"): ("workflows", "cloud scheduler", "application integration"),
    ("Internet of Things", "Other (Internet of Things)"): ("cloud iot core",),
    ("Management and Governance", "Observability"): (
        "cloud logging",
        "cloud monitoring",
        "stackdriver",
        "stackdriver logging",
        "stackdriver monitoring",
        "cloud trace",
    ),
    ("Management and Governance", "Support"): (
        "support",
        "customer care",
        "premium support",
        "enhanced support",
        "standard support",
    ),
    ("Media", "Media Streaming"): ("transcoder api", "live stream api", "media cdn"),
    ("Migration", "Data Migration"): ("database migration service", "storage transfer service", "transfer appliance"),
    ("Mobile", "Other (Mobile)"): ("firebase", "firebase hosting", "firebase auth", "firebase test lab"),
    ("Networking", "Application Networking"): ("cloud load balancing", "cloud service mesh", "traffic director"),
    ("Networking", "Content Delivery"): ("cloud cdn",),
    ("Networking", "Network Connectivity"): ("cloud interconnect", "cloud vpn", "network connectivity center"),
    ("Networking", "Network Infrastructure"): ("networking", "cloud nat", "network intelligence center"),
    ("Networking", "Network Routing"): ("cloud dns", "cloud domains"),
    ("Networking", "Network Security"): ("cloud armor", "google cloud armor", "cloud ngfw", "cloud ids"),
    ("Security", "Secret Management"): (
        "secret manager",
        "cloud key management service (kms)",
        "certificate authority service",
    ),
    ("Security", "Security Posture Management"): ("security command center",),
    ("Security", "Threat Detection and Response"): ("chronicle", "google security operations", "recaptcha enterprise"),
    ("Security", "Other (Security)"): (
        "sensitive data protection",
        "cloud data loss prevention",
        "web risk",
        "assured workloads",
        "binary authorization",
    ),
    ("Storage", "Backup Storage"): ("backup and dr service", "backup for gke"),
    ("Storage", "File Storage"): ("cloud filestore", "filestore", "netapp volumes"),
    ("Storage", "Object Storage"): ("cloud storage", "cloud storage for firebase"),
    ("Web", "Other (Web)"): ("maps api", "google maps platform", "places api", "geocoding api", "routes api"),
}
SERVICE_CATEGORIES = frozenset(
    {*(category for category, _ in _BY_CATEGORY), "Business Applications", "Multicloud", "Other"}
)


@cache
def service_of(name: str | None) -> tuple[str, str]:
    """The FOCUS category and subcategory of a service, by its name on the bill."""
    return _categories().get((name or "").strip().lower(), OTHER)


@cache
def _categories() -> Mapping[str, tuple[str, str]]:
    return {name: category for category, names in _BY_CATEGORY.items() for name in names}
