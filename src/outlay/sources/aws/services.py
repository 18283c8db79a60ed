"""What the service names of Cost Explorer stand for, in the categories of FOCUS. Names unknown to us are `Other`."""

from __future__ import annotations

from collections.abc import Mapping

from outlay.sources._bills.aws_services import OTHER, SERVICES, Service

# Names that Cost Explorer has and the Cost and Usage Report has not, or not so.
_MORE = (
    Service("Amazon AppStream", "Compute", "End User Computing"),
    Service("Amazon Comprehend", "AI and Machine Learning", "Natural Language Processing"),
    Service("Amazon Connect", "Business Applications", "Productivity and Collaboration"),
    Service("Amazon Detective", "Security", "Threat Detection and Response"),
    Service("Amazon EC2 Container Service", "Compute", "Containers"),
    Service("Amazon Elastic Compute Cloud - Compute", "Compute", "Virtual Machines"),
    Service("Amazon Elastic Kubernetes Service", "Compute", "Containers"),
    Service("Amazon Elastic Load Balancing", "Networking", "Application Networking"),
    Service("Amazon Elasticsearch Service", "Analytics", "Search"),
    Service("Amazon Keyspaces (for Apache Cassandra)", "Databases", "NoSQL Databases"),
    Service("Amazon Kinesis Firehose", "Analytics", "Streaming Analytics"),
    Service("Amazon Macie", "Security", "Security Posture Management"),
    Service("Amazon MemoryDB", "Databases", "Caching"),
    Service("Amazon Polly", "AI and Machine Learning", "Other (AI and Machine Learning)"),
    Service("Amazon Quantum Ledger Database", "Databases", "Ledger Databases"),
    Service("Amazon Registrar", "Networking", "Network Routing"),
    Service("Amazon Rekognition", "AI and Machine Learning", "Other (AI and Machine Learning)"),
    Service("Amazon Security Lake", "Security", "Threat Detection and Response"),
    Service("Amazon Textract", "AI and Machine Learning", "Other (AI and Machine Learning)"),
    Service("Amazon Transcribe", "AI and Machine Learning", "Other (AI and Machine Learning)"),
    Service("Amazon Translate", "AI and Machine Learning", "Natural Language Processing"),
    Service("AWS Amplify", "Web", "Application Platforms"),
    Service("AWS AppSync", "Integration", "API Management"),
    Service("AWS Certificate Manager", "Security", "Other (Security)"),
    Service("AWS CodeArtifact", "Developer Tools", "Developer Platforms"),
    Service("AWS CodeCommit", "Developer Tools", "Source Code Management"),
    Service("AWS Cost Explorer", "Management and Governance", "Cost Management"),
    Service("AWS Data Pipeline", "Analytics", "Data Processing"),
    Service("AWS DataSync", "Migration", "Data Migration"),
    Service("AWS Directory Service", "Identity", "Identity and Access Management"),
    Service("AWS Fargate", "Compute", "Containers"),
    Service("AWS Global Accelerator", "Networking", "Network Connectivity"),
    Service("AWS IoT", "Internet of Things", "IoT Platforms"),
    Service("AWS IoT Core", "Internet of Things", "IoT Platforms"),
    Service("AWS IoT Events", "Internet of Things", "IoT Analytics"),
    Service("AWS IoT SiteWise", "Internet of Things", "IoT Platforms"),
    Service("AWS Network Firewall", "Networking", "Network Security"),
    Service("AWS Shield", "Security", "Other (Security)"),
    Service("AWS Storage Gateway", "Storage", "Storage Platforms"),
    Service("AWS Transfer Family", "Migration", "Data Migration"),
    Service("AWS X-Ray", "Management and Governance", "Observability"),
    Service("CloudWatch Events", "Integration", "Messaging"),
    Service("EC2 - Other", "Compute", "Other (Compute)"),
    Service("Savings Plans for AWS Machine Learning", "AI and Machine Learning", "Machine Learning"),
)

_BY_NAME: Mapping[str, Service] = {each.name: each for each in (*SERVICES.values(), *_MORE)}


def service_of(name: str) -> Service:
    """The category of a service, by its name on the bill."""
    return _BY_NAME.get(name, OTHER)
