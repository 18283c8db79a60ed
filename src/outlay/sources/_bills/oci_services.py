"""What the services of OCI's cost reports are in the categories of FOCUS 1.2.

A service is named by its letters and digits in lower case: `BLOCK_STORAGE` and `Block Storage` are `blockstorage`.
"""

from __future__ import annotations

from collections.abc import Mapping

OTHER = "Other"

_BY_CATEGORY: Mapping[str, str] = {
    "AI and Machine Learning": "ailanguage aispeech aivision datascience digitalassistant generativeai ocigenerativeai",
    "Analytics": "analytics bigdata dataflow datacatalog dataintegration opensearch oraclebigdata streaming",
    "Business Applications": "contentmanagement oraclecontentmanagement",
    "Compute": "cloudshell compute containerengine containerengineforkubernetes containerinstances functions oke"
    " oraclefunctions vmware ocvs",
    "Databases": "adw atp autonomousdatabase database databasecloudservice exadata exadatacloudservice goldengate"
    " mysql mysqldatabase nosql nosqldatabase postgresql redis ocicache",
    "Developer Tools": "apex devops visualbuilder artifacts containerregistry ocir",
    "Identity": "identity identitydomains idcs",
    "Integration": "apigateway emaildelivery eventservice events integration integrationservice integrationcloud"
    " notifications notificationservice oraclenotificationservice queue",
    "Management and Governance": "apm applicationperformancemonitoring logging logginganalytics monitoring"
    " operationsinsights opsi stackmonitoring telemetry",
    "Media": "mediaflow mediaservices mediastreams",
    "Migration": "databasemigration cloudmigrations",
    "Networking": "dns fastconnect healthchecks lbaas loadbalancer loadbalancing network networkfirewall networking"
    " networkloadbalancer vcn virtualcloudnetwork",
    "Security": "bastion certificates cloudguard datasafe keymanagement kms vault waf webapplicationfirewall",
    "Storage": "archivestorage blockstorage blockvolume filestorage fss objectstorage objectstore",
}

SERVICES: Mapping[str, str] = {name: category for category, names in _BY_CATEGORY.items() for name in names.split()}
