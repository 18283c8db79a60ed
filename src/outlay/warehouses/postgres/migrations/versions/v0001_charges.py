"""The charges, what is summed of them, and cloud_costs."""

from alembic import op

revision = "0001"
down_revision = None

# Text sorts and compares by its bytes, on every server and after every upgrade of its libraries alike.
CHARGES = """
CREATE TABLE charges (
    availability_zone TEXT COLLATE "C",
    billed_cost NUMERIC(38,18) NOT NULL,
    billing_account_id TEXT COLLATE "C",
    billing_account_name TEXT COLLATE "C",
    billing_account_type TEXT COLLATE "C",
    billing_currency TEXT COLLATE "C" NOT NULL,
    billing_period_end TIMESTAMPTZ NOT NULL,
    billing_period_start TIMESTAMPTZ NOT NULL,
    capacity_reservation_id TEXT COLLATE "C",
    capacity_reservation_status TEXT COLLATE "C",
    charge_category TEXT COLLATE "C" NOT NULL,
    charge_class TEXT COLLATE "C",
    charge_description TEXT COLLATE "C",
    charge_frequency TEXT COLLATE "C",
    charge_period_end TIMESTAMPTZ NOT NULL,
    charge_period_start TIMESTAMPTZ NOT NULL,
    commitment_discount_category TEXT COLLATE "C",
    commitment_discount_id TEXT COLLATE "C",
    commitment_discount_name TEXT COLLATE "C",
    commitment_discount_quantity NUMERIC(38,18),
    commitment_discount_status TEXT COLLATE "C",
    commitment_discount_type TEXT COLLATE "C",
    commitment_discount_unit TEXT COLLATE "C",
    consumed_quantity NUMERIC(38,18),
    consumed_unit TEXT COLLATE "C",
    contracted_cost NUMERIC(38,18),
    contracted_unit_price NUMERIC(38,18),
    effective_cost NUMERIC(38,18) NOT NULL,
    invoice_id TEXT COLLATE "C",
    invoice_issuer_name TEXT COLLATE "C",
    list_cost NUMERIC(38,18),
    list_unit_price NUMERIC(38,18),
    pricing_category TEXT COLLATE "C",
    pricing_currency TEXT COLLATE "C",
    pricing_currency_contracted_unit_price NUMERIC(38,18),
    pricing_currency_effective_cost NUMERIC(38,18),
    pricing_currency_list_unit_price NUMERIC(38,18),
    pricing_quantity NUMERIC(38,18),
    pricing_unit TEXT COLLATE "C",
    provider_name TEXT COLLATE "C" NOT NULL,
    publisher_name TEXT COLLATE "C",
    region_id TEXT COLLATE "C",
    region_name TEXT COLLATE "C",
    resource_id TEXT COLLATE "C",
    resource_name TEXT COLLATE "C",
    resource_type TEXT COLLATE "C",
    service_category TEXT COLLATE "C",
    service_name TEXT COLLATE "C",
    service_subcategory TEXT COLLATE "C",
    sku_id TEXT COLLATE "C",
    sku_meter TEXT COLLATE "C",
    sku_price_details TEXT COLLATE "C",
    sku_price_id TEXT COLLATE "C",
    sub_account_id TEXT COLLATE "C",
    sub_account_name TEXT COLLATE "C",
    sub_account_type TEXT COLLATE "C",
    tags JSONB,
    source TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    charge_date DATE NOT NULL,
    cut TEXT COLLATE "C" NOT NULL,
    provisional BOOLEAN NOT NULL,
    month DATE NOT NULL
) PARTITION BY RANGE (month);
CREATE INDEX charges_source_day ON charges (source, charge_date);
"""

# Not unique: what it is summed by may be null.
BY_DAY = """
CREATE TABLE charges_by_day (
    source TEXT COLLATE "C" NOT NULL,
    month DATE NOT NULL,
    charge_date DATE NOT NULL,
    cut TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    billing_account_id TEXT COLLATE "C",
    sub_account_id TEXT COLLATE "C",
    sub_account_name TEXT COLLATE "C",
    service_name TEXT COLLATE "C",
    service_category TEXT COLLATE "C",
    region_id TEXT COLLATE "C",
    charge_category TEXT COLLATE "C" NOT NULL,
    billing_currency TEXT COLLATE "C" NOT NULL,
    provisional BOOLEAN NOT NULL,
    billed_cost NUMERIC NOT NULL,
    effective_cost NUMERIC NOT NULL,
    contracted_cost NUMERIC,
    list_cost NUMERIC,
    charges BIGINT NOT NULL
);
CREATE INDEX charges_by_day_day ON charges_by_day (charge_date);
CREATE INDEX charges_by_day_source_month ON charges_by_day (source, month);
CREATE TABLE charge_days (
    source TEXT COLLATE "C" NOT NULL,
    month DATE NOT NULL,
    charge_date DATE NOT NULL,
    cut TEXT COLLATE "C" NOT NULL,
    billing_currency TEXT COLLATE "C" NOT NULL,
    provisional BOOLEAN NOT NULL,
    billed_cost NUMERIC NOT NULL,
    charges BIGINT NOT NULL,
    delivery TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (source, month, charge_date, cut, billing_currency, provisional)
);
CREATE INDEX charge_days_day ON charge_days (charge_date);
CREATE TABLE charges_revision (number BIGINT NOT NULL);
-- Not from 0: what answers are kept by outside has to tell a database from one that was there before.
INSERT INTO charges_revision SELECT extract(epoch FROM clock_timestamp()) * 1000000;
"""

CLOUD_COSTS = """
CREATE TABLE usd_rates (
    currency TEXT COLLATE "C" PRIMARY KEY,
    usd NUMERIC NOT NULL CHECK (usd > 0)
);
INSERT INTO usd_rates VALUES ('USD', 1);
CREATE TABLE cloud_costs (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cloud_provider TEXT COLLATE "C" NOT NULL,
    service_name TEXT COLLATE "C" NOT NULL,
    cost_usd DECIMAL(38,18) NOT NULL,
    usage_date DATE NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT statement_timestamp(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT statement_timestamp(),
    UNIQUE (cloud_provider, service_name, usage_date)
);
CREATE INDEX ON cloud_costs (usage_date);
CREATE VIEW daily_cost_summary AS
    SELECT usage_date, cloud_provider, SUM(cost_usd) AS total_cost_usd, COUNT(*) AS services
    FROM cloud_costs GROUP BY usage_date, cloud_provider;
CREATE VIEW service_cost_summary AS
    SELECT cloud_provider, service_name, SUM(cost_usd) AS total_cost_usd, AVG(cost_usd) AS daily_cost_usd,
        COUNT(*) AS days, MIN(usage_date) AS first_date, MAX(usage_date) AS last_date
    FROM cloud_costs GROUP BY cloud_provider, service_name;
CREATE VIEW cloud_costs_left_out AS
    SELECT provider AS cloud_provider, billing_currency, charge_date AS usage_date,
        SUM(billed_cost) AS billed_cost, SUM(charges)::BIGINT AS charges
    FROM charges_by_day
    WHERE charge_category NOT IN ('Credit', 'Adjustment')
        AND billing_currency NOT IN (SELECT currency FROM usd_rates)
        -- Several cuts are of the same money: one tells all of it.
        AND (source, charge_date, cut) IN (SELECT source, charge_date, MIN(cut) FROM charge_days GROUP BY 1, 2)
    GROUP BY provider, billing_currency, charge_date;
"""


def upgrade() -> None:
    """Make the tables."""
    for part in (CHARGES, BY_DAY, CLOUD_COSTS):
        op.execute(part)
