"""What the demo's accounts use: meters with invented prices near the real ones, and which account has which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Percent of the usual quantity on each weekday, Monday first.
RHYTHMS: Mapping[str, tuple[int, ...]] = {
    "steady": (100, 100, 100, 100, 100, 100, 100),
    "office": (104, 106, 107, 106, 102, 58, 52),
    "shop": (94, 93, 95, 99, 110, 118, 112),
    "batch": (122, 100, 99, 101, 104, 78, 90),
}


@dataclass(frozen=True, slots=True)
class Meter:
    """One thing a provider charges for.

    `price` is the list price in millionths per `unit`, `daily` the usual cost of one resource and day in whole
    units of the currency, `slope` the growth in millionths of the first day's quantity per day.
    `late`: what is used on the last day of a month is billed in the next one.
    `sustained`: the provider gives part of it back as a credit. `dormant`: used only while an incident lasts.
    """

    key: str
    service: str
    category: str
    subcategory: str
    resource_type: str
    resource: str
    item: str
    unit: str
    price: int
    daily: int
    rhythm: str = "steady"
    slope: int = 300
    late: bool = False
    sustained: bool = False
    dormant: bool = False


EC2 = "Amazon Elastic Compute Cloud"
VPC = "Amazon Virtual Private Cloud"

AWS = (
    Meter("fleet", EC2, "Compute", "Virtual Machines", "autoscaling-group",
          "autoscaling:{here}:autoScalingGroup/{name}", "BoxUsage:m7g.2xlarge", "Hours", 326_400, 95, "office", 0),
    Meter("vm", EC2, "Compute", "Virtual Machines", "instance", "ec2:{here}:instance/i-{hex}",
          "BoxUsage:c7i.xlarge", "Hours", 178_500, 26, "office"),
    Meter("gpu", EC2, "Compute", "Virtual Machines", "instance", "ec2:{here}:instance/i-{hex}",
          "BoxUsage:g6.12xlarge", "Hours", 4_601_600, 70, "batch", 700),
    Meter("training", EC2, "Compute", "Virtual Machines", "instance", "ec2:{here}:instance/i-{hex}",
          "BoxUsage:p4d.24xlarge", "Hours", 21_957_642, 580, "steady", 0, dormant=True),
    Meter("ebs", "Amazon Elastic Block Store", "Storage", "Block Storage", "volume", "ec2:{here}:volume/vol-{hex}",
          "EBS:VolumeUsage.gp3", "GB-Mo", 80_000, 14),
    Meter("rds", "Amazon Relational Database Service", "Databases", "Relational Databases", "db", "rds:{here}:db:{name}",
          "InstanceUsage:db.r6g.2xlarge", "Hours", 860_000, 48, "steady", 0),
    Meter("dynamodb", "Amazon DynamoDB", "Databases", "NoSQL Databases", "table", "dynamodb:{here}:table/{name}",
          "WriteRequestUnits", "Million requests", 1_250_000, 30, "shop", 450),
    Meter("s3", "Amazon Simple Storage Service", "Storage", "Object Storage", "bucket", "s3:::{name}",
          "TimedStorage-ByteHrs", "GB-Mo", 23_000, 40, "steady", 500),
    Meter("s3-requests", "Amazon Simple Storage Service", "Storage", "Object Storage", "bucket", "s3:::{name}",
          "Requests-Tier1", "1000 Requests", 5_000, 9, "shop"),
    Meter("nat", VPC, "Networking", "Network Connectivity", "natgateway", "ec2:{here}:natgateway/nat-{hex}",
          "NatGateway-Bytes", "GB", 45_000, 14, "shop"),
    Meter("alb", "Elastic Load Balancing", "Networking", "Application Networking", "loadbalancer",
          "elasticloadbalancing:{here}:loadbalancer/app/{name}", "LCUUsage", "LCU-Hours", 8_000, 11, "shop"),
    Meter("cdn", "Amazon CloudFront", "Networking", "Content Delivery", "distribution",
          "cloudfront::{account}:distribution/E{hex}", "DataTransfer-Out-Bytes", "GB", 85_000, 42, "shop", 250),
    Meter("lambda", "AWS Lambda", "Compute", "Serverless Compute", "function", "lambda:{here}:function:{name}",
          "Lambda-GB-Second", "1000 GB-Seconds", 16_667, 24, "shop", 500),
    Meter("glue", "AWS Glue", "Analytics", "Data Processing", "job", "glue:{here}:job/{name}",
          "ETL-DPU-Hour", "DPU-Hours", 440_000, 36, "batch"),
    Meter("redshift", "Amazon Redshift", "Databases", "Data Warehouses", "cluster", "redshift:{here}:cluster:{name}",
          "Node:ra3.4xlarge", "Hours", 3_260_000, 110),
    Meter("bedrock", "Amazon Bedrock", "AI and Machine Learning", "Generative AI", "inference-profile",
          "bedrock:{here}:inference-profile/{name}", "InputTokenCount", "1M tokens", 3_000_000, 45, "office", 1_400),
    Meter("cloudwatch", "Amazon CloudWatch", "Management and Governance", "Observability", "log-group",
          "logs:{here}:log-group:/{app}/{env}", "DataProcessing-Bytes", "GB", 500_000, 12, "shop"),
    Meter("kms", "AWS Key Management Service", "Security", "Secret Management", "key", "kms:{here}:key/{hex}",
          "KMS-Keys", "Keys", 33_333, 2, "steady", 0),
    Meter("guardduty", "Amazon GuardDuty", "Security", "Threat Detection and Response", "detector",
          "guardduty:{here}:detector/{hex}", "PaidEventsAnalyzed", "Million events", 4_000_000, 22),
    Meter("transit", VPC, "Networking", "Network Infrastructure", "transit-gateway",
          "ec2:{here}:transit-gateway/tgw-{hex}", "TransitGateway-Bytes", "GB", 20_000, 38, "office"),
    Meter("support", "AWS Support", "Management and Governance", "Support", "", "", "Dollar", "Dollars", 1_000_000, 60),
)  # fmt: skip

AZURE = (
    Meter("vm", "Virtual Machines", "Compute", "Virtual Machines", "microsoft.compute/virtualmachinescalesets",
          "microsoft.compute/virtualmachinescalesets/{name}", "D8as v5", "1 Hour", 384_000, 70, "office", 0),
    Meter("disk", "Storage", "Storage", "Block Storage", "microsoft.compute/disks", "microsoft.compute/disks/{name}",
          "P30 LRS Disk", "1 GB/Month", 122_000, 12),
    Meter("sql", "SQL Database", "Databases", "Relational Databases", "microsoft.sql/servers",
          "microsoft.sql/servers/{name}", "vCore", "1 Hour", 252_000, 52),
    Meter("blob", "Storage", "Storage", "Object Storage", "microsoft.storage/storageaccounts",
          "microsoft.storage/storageaccounts/st{hex}", "Hot LRS Data Stored", "1 GB/Month", 18_000, 18, "steady", 500),
    Meter("openai", "Azure OpenAI", "AI and Machine Learning", "Generative AI",
          "microsoft.cognitiveservices/accounts", "microsoft.cognitiveservices/accounts/{name}",
          "gpt-4.1 Inp glbl Tokens", "1M", 2_000_000, 62, "office", 1_500),
    Meter("search", "Azure AI Search", "AI and Machine Learning", "AI Platforms", "microsoft.search/searchservices",
          "microsoft.search/searchservices/{name}", "Standard S2 Unit", "1 Hour", 1_344_000, 32),
    Meter("appservice", "Azure App Service", "Web", "Application Platforms", "microsoft.web/serverfarms",
          "microsoft.web/serverfarms/{name}", "P2v3 App", "1 Hour", 402_000, 30, "office"),
    Meter("fabric", "Microsoft Fabric", "Analytics", "Analytics Platforms", "microsoft.fabric/capacities",
          "microsoft.fabric/capacities/{name}", "Capacity Usage CU", "1 Hour", 220_000, 75, "batch"),
    Meter("entra", "Microsoft Entra", "Identity", "Identity and Access Management", "microsoft.aad/domainservices",
          "microsoft.aad/domainservices/{name}", "Enterprise User Forest", "1 Hour", 400_000, 20, "steady", 0),
    Meter("bandwidth", "Bandwidth", "Networking", "Network Connectivity", "microsoft.network/publicipaddresses",
          "microsoft.network/publicipaddresses/{name}", "Standard Data Transfer Out", "1 GB", 78_000, 13, "shop"),
    Meter("firewall", "Azure Firewall", "Networking", "Network Security", "microsoft.network/azurefirewalls",
          "microsoft.network/azurefirewalls/{name}", "Standard Deployment", "1 Hour", 1_250_000, 30, "steady", 0),
    Meter("monitor", "Azure Monitor", "Management and Governance", "Observability",
          "microsoft.operationalinsights/workspaces", "microsoft.operationalinsights/workspaces/{name}",
          "Analytics Logs Data Ingestion", "1 GB", 2_760_000, 16, "office"),
    Meter("backup", "Backup", "Storage", "Backup Storage", "microsoft.recoveryservices/vaults",
          "microsoft.recoveryservices/vaults/{name}", "LRS Data Stored", "1 GB/Month", 22_400, 7),
)  # fmt: skip

GCP = (
    Meter("gke", "Kubernetes Engine", "Compute", "Containers", "container.googleapis.com/Cluster",
          "container.googleapis.com/projects/{account}/locations/{region}/clusters/{name}",
          "Autopilot Pod mCPU Requests", "hour", 57_300, 58, "shop", 350),
    Meter("gce", "Compute Engine", "Compute", "Virtual Machines", "compute.googleapis.com/Instance",
          "compute.googleapis.com/projects/{account}/zones/{region}-b/instances/{name}",
          "N2 Instance Core running", "hour", 31_611, 36, "office", 200, sustained=True),
    Meter("cloudsql", "Cloud SQL", "Databases", "Relational Databases", "sqladmin.googleapis.com/Instance",
          "sqladmin.googleapis.com/projects/{account}/instances/{name}", "PostgreSQL: Zonal - vCPU", "hour", 41_300, 30),
    Meter("gcs", "Cloud Storage", "Storage", "Object Storage", "storage.googleapis.com/Bucket",
          "storage.googleapis.com/{name}", "Standard Storage US Regional", "gibibyte month", 20_000, 20, "steady", 450),
    Meter("bigquery", "BigQuery", "Analytics", "Analytics Platforms", "bigquery.googleapis.com/Dataset",
          "bigquery.googleapis.com/projects/{account}/datasets/{name}", "Analysis", "tebibyte", 6_250_000, 88,
          "batch", 550, late=True),
    Meter("pubsub", "Cloud Pub/Sub", "Integration", "Messaging", "pubsub.googleapis.com/Topic",
          "pubsub.googleapis.com/projects/{account}/topics/{name}", "Message Delivery Basic", "tebibyte", 40_000_000, 22,
          "shop"),
    Meter("vertex", "Vertex AI", "AI and Machine Learning", "Machine Learning", "aiplatform.googleapis.com/Endpoint",
          "aiplatform.googleapis.com/projects/{account}/locations/{region}/endpoints/{hex}",
          "Online Prediction L4 GPU", "hour", 644_000, 64, "batch", 900),
    Meter("logging", "Cloud Logging", "Management and Governance", "Observability",
          "logging.googleapis.com/LogBucket", "logging.googleapis.com/projects/{account}/buckets/_Default",
          "Log Volume", "gibibyte", 500_000, 11, "shop", late=True),
    Meter("egress", "Networking", "Networking", "Network Connectivity", "compute.googleapis.com/Network",
          "compute.googleapis.com/projects/{account}/global/networks/default", "Network Internet Data Transfer Out",
          "gibibyte", 85_000, 16, "shop"),
)  # fmt: skip

HEROKU = (
    Meter("web", "Heroku Dynos", "Compute", "Containers", "dyno", "{name}/web", "performance-m", "dyno-hours", 347_222,
          17, "steady", 100),
    Meter("worker", "Heroku Dynos", "Compute", "Containers", "dyno", "{name}/worker", "standard-2x", "dyno-hours",
          69_444, 6, "steady", 100),
    Meter("postgres", "Heroku Postgres", "Databases", "Relational Databases", "addon", "{name}/postgresql",
          "premium-2", "addon-hours", 486_111, 16, "steady", 0),
    Meter("redis", "Heroku Key-Value Store", "Databases", "Caching", "addon", "{name}/redis", "premium-3",
          "addon-hours", 145_833, 6, "steady", 0),
    Meter("addon", "Papertrail", "Management and Governance", "Observability", "addon", "{name}/papertrail", "ludvig",
          "addon-hours", 97_222, 3, "steady", 0),
)  # fmt: skip

OCI = (
    Meter("compute", "Compute", "Compute", "Virtual Machines", "instance", "instance.oc1.{region}.{hex}",
          "Standard - E5 - OCPU", "OCPU Hours", 30_000, 17, "office"),
    Meter("block", "Block Storage", "Storage", "Block Storage", "volume", "volume.oc1.{region}.{hex}",
          "Block Volume - Storage", "Gigabyte Storage Capacity Per Month", 25_500, 8),
    Meter("autonomous", "Autonomous Database", "Databases", "Relational Databases", "autonomousdatabase",
          "autonomousdatabase.oc1.{region}.{hex}", "Transaction Processing - ECPU", "ECPU Hours", 336_000, 62, "office"),
    Meter("object", "Object Storage", "Storage", "Object Storage", "bucket", "bucket.oc1.{region}.{hex}",
          "Object Storage - Storage", "Gigabyte Storage Capacity Per Month", 25_500, 10, "steady", 450),
    Meter("fastconnect", "FastConnect", "Networking", "Network Connectivity", "virtualcircuit",
          "virtualcircuit.oc1.{region}.{hex}", "FastConnect 1 Gbps", "Port Hours", 212_500, 5, "steady", 0),
)  # fmt: skip

METERS: Mapping[str, Mapping[str, Meter]] = {
    provider: {meter.key: meter for meter in meters}
    for provider, meters in {"aws": AWS, "azure": AZURE, "gcp": GCP, "heroku": HEROKU, "oci": OCI}.items()
}

# What an account of each role has: a meter named twice is two resources.
ROLES: Mapping[str, Mapping[str, str]] = {
    "aws": {
        "web": "fleet fleet vm ebs ebs rds rds s3 s3-requests nat alb cdn cloudwatch kms",
        "serverless": "lambda lambda lambda dynamodb dynamodb s3 s3-requests cdn cloudwatch kms nat",
        "dev": "vm vm vm ebs rds s3 nat cloudwatch lambda",
        "data": "s3 s3 s3 s3-requests glue glue redshift vm ebs ebs cloudwatch kms",
        "ml": "gpu gpu bedrock s3 s3-requests vm ebs nat cloudwatch",
        "lab": "gpu gpu bedrock s3 s3-requests vm ebs nat cloudwatch training training",
        "network": "transit transit nat nat alb cdn cloudwatch support",
        "audit": "guardduty guardduty s3 s3-requests kms kms cloudwatch lambda",
    },
    "azure": {
        "business": "vm vm sql sql disk disk blob backup monitor bandwidth",
        "ai": "openai openai search appservice blob sql monitor",
        "web": "appservice appservice sql blob bandwidth monitor disk vm",
        "analytics": "fabric fabric sql blob blob monitor backup",
        "hub": "firewall entra bandwidth bandwidth monitor backup vm",
    },
    "gcp": {
        "cluster": "gke gke gce gce cloudsql gcs pubsub logging egress",
        "warehouse": "bigquery bigquery gcs gcs pubsub pubsub gce logging",
        "ai": "vertex vertex gce gcs gcs logging egress",
    },
    "heroku": {"apps": "web web worker worker postgres redis addon"},
    "oci": {
        "database": "autonomous autonomous compute block object fastconnect",
        "compute": "compute compute compute block block object object fastconnect",
    },
}
