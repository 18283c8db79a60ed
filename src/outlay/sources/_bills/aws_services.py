"""What AWS product codes stand for, in the categories of FOCUS 1.2. Codes that are not here are `Other`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Service(NamedTuple):
    """A service: its name on the bill, and its FOCUS category and subcategory."""

    name: str
    category: str
    subcategory: str


OTHER = Service("Other", "Other", "Other (Other)")

# The name is for lines that carry a code only (fees, taxes, discounts): one service keeps one name.
SERVICES: Mapping[str, Service] = {
    "AmazonAthena": Service("Amazon Athena", "Analytics", "Analytics Platforms"),
    "AmazonApiGateway": Service("Amazon API Gateway", "Integration", "API Management"),
    "AmazonBedrock": Service("Amazon Bedrock", "AI and Machine Learning", "Generative AI"),
    "AmazonCloudFront": Service("Amazon CloudFront", "Networking", "Content Delivery"),
    "AmazonCloudWatch": Service("AmazonCloudWatch", "Management and Governance", "Observability"),
    "AmazonCognito": Service("Amazon Cognito", "Identity", "Identity and Access Management"),
    "AmazonDocDB": Service("Amazon DocumentDB (with MongoDB compatibility)", "Databases", "NoSQL Databases"),
    "AmazonDynamoDB": Service("Amazon DynamoDB", "Databases", "NoSQL Databases"),
    "AmazonEC2": Service("Amazon Elastic Compute Cloud", "Compute", "Virtual Machines"),
    "AmazonECR": Service("Amazon EC2 Container Registry (ECR)", "Compute", "Containers"),
    "AmazonECS": Service("Amazon Elastic Container Service", "Compute", "Containers"),
    "AmazonEFS": Service("Amazon Elastic File System", "Storage", "File Storage"),
    "AmazonEKS": Service("Amazon Elastic Container Service for Kubernetes", "Compute", "Containers"),
    "AmazonES": Service("Amazon OpenSearch Service", "Analytics", "Search"),
    "AmazonElastiCache": Service("Amazon ElastiCache", "Databases", "Caching"),
    "AmazonFSx": Service("Amazon FSx", "Storage", "File Storage"),
    "AmazonGlacier": Service("Amazon Glacier", "Storage", "Backup Storage"),
    "AmazonGuardDuty": Service("Amazon GuardDuty", "Security", "Threat Detection and Response"),
    "AmazonInspectorV2": Service("Amazon Inspector", "Security", "Security Posture Management"),
    "AmazonKinesis": Service("Amazon Kinesis", "Analytics", "Streaming Analytics"),
    "AmazonLightsail": Service("Amazon Lightsail", "Compute", "Virtual Machines"),
    "AmazonMQ": Service("Amazon MQ", "Integration", "Messaging"),
    "AmazonMSK": Service("Amazon Managed Streaming for Apache Kafka", "Analytics", "Streaming Analytics"),
    "AmazonNeptune": Service("Amazon Neptune", "Databases", "NoSQL Databases"),
    "AmazonQuickSight": Service("Amazon QuickSight", "Analytics", "Business Intelligence"),
    "AmazonRDS": Service("Amazon Relational Database Service", "Databases", "Relational Databases"),
    "AmazonRedshift": Service("Amazon Redshift", "Databases", "Data Warehouses"),
    "AmazonRoute53": Service("Amazon Route 53", "Networking", "Network Routing"),
    "AmazonS3": Service("Amazon Simple Storage Service", "Storage", "Object Storage"),
    "AmazonS3GlacierDeepArchive": Service("Amazon S3 Glacier Deep Archive", "Storage", "Backup Storage"),
    "AmazonSES": Service("Amazon Simple Email Service", "Integration", "Messaging"),
    "AmazonSNS": Service("Amazon Simple Notification Service", "Integration", "Messaging"),
    "AmazonSageMaker": Service("Amazon SageMaker", "AI and Machine Learning", "Machine Learning"),
    "AmazonStates": Service("AWS Step Functions", "Integration", "Workflow Orchestration"),
    "AmazonTimestream": Service("Amazon Timestream", "Databases", "Time Series Databases"),
    "AmazonVPC": Service("Amazon Virtual Private Cloud", "Networking", "Network Infrastructure"),
    "AmazonWorkSpaces": Service("Amazon WorkSpaces", "Compute", "End User Computing"),
    "AWSBackup": Service("AWS Backup", "Storage", "Backup Storage"),
    "AWSCloudTrail": Service("AWS CloudTrail", "Management and Governance", "Compliance"),
    "AWSCodePipeline": Service("AWS CodePipeline", "Developer Tools", "Continuous Integration and Deployment"),
    "AWSConfig": Service("AWS Config", "Management and Governance", "Compliance"),
    "AWSDataTransfer": Service("AWS Data Transfer", "Networking", "Network Connectivity"),
    "AWSDatabaseMigrationSvc": Service("AWS Database Migration Service", "Migration", "Data Migration"),
    "AWSDeveloperSupport": Service("AWS Support (Developer)", "Management and Governance", "Support"),
    "AWSDirectConnect": Service("AWS Direct Connect", "Networking", "Network Connectivity"),
    "AWSELB": Service("Elastic Load Balancing", "Networking", "Application Networking"),
    "AWSGlue": Service("AWS Glue", "Analytics", "Data Processing"),
    "AWSLambda": Service("AWS Lambda", "Compute", "Serverless Compute"),
    "AWSQueueService": Service("Amazon Simple Queue Service", "Integration", "Messaging"),
    "AWSSecretsManager": Service("AWS Secrets Manager", "Security", "Secret Management"),
    "AWSSecurityHub": Service("AWS Security Hub", "Security", "Security Posture Management"),
    "AWSSupportBusiness": Service("AWS Support (Business)", "Management and Governance", "Support"),
    "AWSSupportEnterprise": Service("AWS Support (Enterprise)", "Management and Governance", "Support"),
    "AWSSystemsManager": Service("AWS Systems Manager", "Management and Governance", "Endpoint Management"),
    "CodeBuild": Service("CodeBuild", "Developer Tools", "Continuous Integration and Deployment"),
    "ComputeSavingsPlans": Service("Savings Plans for AWS Compute usage", "Compute", "Other (Compute)"),
    "ElasticMapReduce": Service("Amazon Elastic MapReduce", "Analytics", "Data Processing"),
    "awskms": Service("AWS Key Management Service", "Security", "Secret Management"),
    "awswaf": Service("AWS WAF", "Networking", "Network Security"),
}
