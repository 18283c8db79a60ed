"""What AWS says of the thing behind a price, in the words of FOCUS's SkuPriceDetails."""

from __future__ import annotations

from outlay.sources._bills.cur_columns import TEXT, Report

# By property: the product attribute it is made of. Numbers of FOCUS are numbers, without their units.
TEXTS = {
    "InstanceType": "instance_type",
    "OperatingSystem": "operating_system",
    "StorageClass": "storage_class",
    "x_DatabaseEngine": "database_engine",
    "x_DeploymentOption": "deployment_option",
    "x_Tenancy": "tenancy",
}
NUMBERS = {"CoreCount": "vcpu", "GpuCount": "gpu", "MemorySize": "memory"}  # cores, pieces, GiB
OTHERS = {  # columns outside the product
    "x_LeaseContractLength": "pricingleasecontractlength",
    "x_OfferingClass": "pricingofferingclass",
    "x_Operation": "lineitemoperation",
    "x_PurchaseOption": "pricingpurchaseoption",
    "x_Term": "pricingterm",
}

NO_TEXT = f"NULL::{TEXT}"


def sku_price_details(report: Report) -> str:
    """A JSON object of what is known, null where nothing is."""
    texts = {name: report.product(attribute) for name, attribute in TEXTS.items()}
    texts |= {name: report.text(column) for name, column in OTHERS.items()}
    numbers = {name: report.product(attribute) for name, attribute in NUMBERS.items()}
    found = {name: sql for name, sql in texts.items() if sql != NO_TEXT}
    found |= {name: _number(sql) for name, sql in numbers.items() if sql != NO_TEXT}
    if not found:
        return NO_TEXT
    # Put together as text, which leaves out nulls, ten times as fast as an object from which they are taken.
    pairs = ", ".join(f"'\"{name}\":' || to_json({sql})::VARCHAR" for name, sql in sorted(found.items()))
    return f"NULLIF('{{' || concat_ws(',', {pairs}) || '}}', '{{}}')"


def _number(text: str) -> str:
    """The number at the start of a text such as `1,952 GiB`; null where it starts with none."""
    return f"TRY_CAST(replace(regexp_extract({text}, '^[0-9.,]+'), ',', '') AS DOUBLE)"
