CREATE DATABASE IF NOT EXISTS `outlay` ON CLUSTER `bills`;

CREATE TABLE IF NOT EXISTS `outlay`.`charges_local` ON CLUSTER `bills` (
    availability_zone LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    billed_cost Decimal(38, 18) CODEC(ZSTD(1)),
    billing_account_id LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    billing_account_name LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    billing_account_type LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    billing_currency LowCardinality(String) CODEC(ZSTD(1)),
    billing_period_end DateTime64(6, 'UTC') CODEC(ZSTD(1)),
    billing_period_start DateTime64(6, 'UTC') CODEC(ZSTD(1)),
    capacity_reservation_id LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    capacity_reservation_status LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    charge_category LowCardinality(String) CODEC(ZSTD(1)),
    charge_class LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    charge_description Nullable(String) CODEC(ZSTD(1)),
    charge_frequency LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    charge_period_end DateTime64(6, 'UTC') CODEC(ZSTD(1)),
    charge_period_start DateTime64(6, 'UTC') CODEC(ZSTD(1)),
    commitment_discount_category LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    commitment_discount_id LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    commitment_discount_name LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    commitment_discount_quantity Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    commitment_discount_status LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    commitment_discount_type LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    commitment_discount_unit LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    consumed_quantity Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    consumed_unit LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    contracted_cost Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    contracted_unit_price Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    effective_cost Decimal(38, 18) CODEC(ZSTD(1)),
    invoice_id LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    invoice_issuer_name LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    list_cost Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    list_unit_price Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    pricing_category LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    pricing_currency LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    pricing_currency_contracted_unit_price Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    pricing_currency_effective_cost Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    pricing_currency_list_unit_price Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    pricing_quantity Nullable(Decimal(38, 18)) CODEC(ZSTD(1)),
    pricing_unit LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    provider_name LowCardinality(String) CODEC(ZSTD(1)),
    publisher_name LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    region_id LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    region_name LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    resource_id Nullable(String) CODEC(ZSTD(1)),
    resource_name Nullable(String) CODEC(ZSTD(1)),
    resource_type LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    service_category LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    service_name LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    service_subcategory LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    sku_id LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    sku_meter LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    sku_price_details Nullable(String) CODEC(ZSTD(1)),
    sku_price_id LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    sub_account_id LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    sub_account_name LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    sub_account_type LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    tags Map(String, String) CODEC(ZSTD(1)),
    source LowCardinality(String) CODEC(ZSTD(1)),
    provider LowCardinality(String) CODEC(ZSTD(1)),
    charge_date Date32 CODEC(ZSTD(1)),
    cut LowCardinality(String) CODEC(ZSTD(1)),
    provisional Bool CODEC(ZSTD(1)),
    has_tags Bool,
    load_id LowCardinality(String),
    month Date32 MATERIALIZED toDate32(toStartOfMonth(billing_period_start)),
    PROJECTION days (SELECT source, month, load_id, charge_date, billing_currency, cut, sum(billed_cost), count() GROUP BY source, month, load_id, charge_date, billing_currency, cut)
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}') PARTITION BY (source, month) ORDER BY (charge_date, provider, ifNull(service_name, ''), ifNull(sub_account_id, ''));

CREATE TABLE IF NOT EXISTS `outlay`.`charges` ON CLUSTER `bills` AS `outlay`.`charges_local` ENGINE = Distributed(`bills`, `outlay`, `charges_local`);

CREATE TABLE IF NOT EXISTS `outlay`.`loads_local` ON CLUSTER `bills` (
    load_id String,
    source String,
    identity String,
    loaded_at DateTime DEFAULT now()
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}') ORDER BY (source, load_id);

CREATE TABLE IF NOT EXISTS `outlay`.`loads` ON CLUSTER `bills` AS `outlay`.`loads_local` ENGINE = Distributed(`bills`, `outlay`, `loads_local`);

CREATE TABLE IF NOT EXISTS `outlay`.`resource_metrics_local` ON CLUSTER `bills` (
    timestamp DateTime64(3, 'UTC'),
    date Date32 MATERIALIZED toDate32(timestamp),
    provider LowCardinality(String),
    account LowCardinality(String),
    service LowCardinality(String),
    region LowCardinality(String),
    resource_id String,
    resource_type LowCardinality(String),
    metric LowCardinality(String),
    utilization Float64,
    unit LowCardinality(String)
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}') PARTITION BY toYYYYMM(timestamp) ORDER BY (resource_id, metric, timestamp);

CREATE TABLE IF NOT EXISTS `outlay`.`resource_metrics` ON CLUSTER `bills` AS `outlay`.`resource_metrics_local` ENGINE = Distributed(`bills`, `outlay`, `resource_metrics_local`);

CREATE TABLE IF NOT EXISTS `outlay`.`optimization_opportunities_local` ON CLUSTER `bills` (
    timestamp DateTime64(3, 'UTC'),
    date Date32 MATERIALIZED toDate32(timestamp),
    provider LowCardinality(String),
    account LowCardinality(String),
    service LowCardinality(String),
    region LowCardinality(String),
    resource_id String,
    type LowCardinality(String),
    priority LowCardinality(String),
    description String,
    savings Decimal(38, 18),
    currency LowCardinality(String)
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}') PARTITION BY toYYYYMM(timestamp) ORDER BY (type, timestamp);

CREATE TABLE IF NOT EXISTS `outlay`.`optimization_opportunities` ON CLUSTER `bills` AS `outlay`.`optimization_opportunities_local` ENGINE = Distributed(`bills`, `outlay`, `optimization_opportunities_local`);

CREATE OR REPLACE VIEW `outlay`.`cost_metrics` ON CLUSTER `bills` AS SELECT charge_period_start AS timestamp, charge_date AS date, source, provider, ifNull(sub_account_id, '') AS account, ifNull(service_name, '') AS service, ifNull(service_category, '') AS service_category, ifNull(region_id, '') AS region, ifNull(resource_id, '') AS resource_id, charge_category, billing_currency AS currency, billed_cost AS cost, effective_cost, tags FROM `outlay`.`charges` WHERE billing_currency = 'USD' AND (source, charge_date, cut) GLOBAL IN (SELECT source, charge_date, argMin(cut, (if(cut = '', -9, -arrayCount(word -> word IN ('service', 'region', 'sub_account', 'resource'), splitByChar(',', cut))), cut)) FROM (SELECT source, charge_date, cut FROM `outlay`.`charges` GROUP BY source, charge_date, cut) GROUP BY source, charge_date) COMMENT 'outlay';

