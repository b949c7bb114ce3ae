-- Loads OTLP JSON lines, as hopline's FileSink and the Collector's file exporter write them, into otel_traces.
-- {spans:String} is the path of the files, such as 'spans/*.jsonl'. Run by `cargo xtask deploy`.
-- In production the Collector's clickhouse exporter does this; it writes the same columns.

INSERT INTO otel_traces
WITH
    -- an OTLP value as text: a string, number or boolean as itself, lists as JSON
    value -> multiIf(
        JSONHas(value, 'stringValue'), JSONExtractString(value, 'stringValue'),
        JSONHas(value, 'intValue'), trimBoth(JSONExtractRaw(value, 'intValue'), '"'),
        JSONHas(value, 'boolValue'), JSONExtractRaw(value, 'boolValue'),
        JSONHas(value, 'doubleValue'), trimBoth(JSONExtractRaw(value, 'doubleValue'), '"'),
        JSONHas(value, 'arrayValue'), JSONExtractRaw(value, 'arrayValue', 'values'),
        '') AS text,
    list -> CAST(
        (arrayMap(pair -> JSONExtractString(pair, 'key'), list), arrayMap(pair -> text(JSONExtractRaw(pair, 'value')), list)),
        'Map(LowCardinality(String), String)') AS attributes,
    nanos -> fromUnixTimestamp64Nano(toInt64(JSONExtractUInt(nanos))) AS time
SELECT
    fromUnixTimestamp64Nano(toInt64(start)) AS Timestamp,
    JSONExtractString(span, 'traceId') AS TraceId,
    JSONExtractString(span, 'spanId') AS SpanId,
    JSONExtractString(span, 'parentSpanId') AS ParentSpanId,
    JSONExtractString(span, 'traceState') AS TraceState,
    JSONExtractString(span, 'name') AS SpanName,
    ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'][JSONExtractInt(span, 'kind') + 1] AS SpanKind,
    attributes(JSONExtractArrayRaw(resource, 'attributes'))['service.name'] AS ServiceName,
    attributes(JSONExtractArrayRaw(resource, 'attributes')) AS ResourceAttributes,
    JSONExtractString(scope, 'name') AS ScopeName,
    JSONExtractString(scope, 'version') AS ScopeVersion,
    attributes(JSONExtractArrayRaw(span, 'attributes')) AS SpanAttributes,
    toUInt64(JSONExtractUInt(span, 'endTimeUnixNano')) - start AS Duration,
    ['Unset', 'Ok', 'Error'][JSONExtractInt(span, 'status', 'code') + 1] AS StatusCode,
    JSONExtractString(span, 'status', 'message') AS StatusMessage,
    arrayMap(event -> fromUnixTimestamp64Nano(toInt64(JSONExtractUInt(event, 'timeUnixNano'))), events) AS `Events.Timestamp`,
    arrayMap(event -> JSONExtractString(event, 'name'), events) AS `Events.Name`,
    arrayMap(event -> attributes(JSONExtractArrayRaw(event, 'attributes')), events) AS `Events.Attributes`,
    arrayMap(link -> JSONExtractString(link, 'traceId'), links) AS `Links.TraceId`,
    arrayMap(link -> JSONExtractString(link, 'spanId'), links) AS `Links.SpanId`,
    arrayMap(link -> JSONExtractString(link, 'traceState'), links) AS `Links.TraceState`,
    arrayMap(link -> attributes(JSONExtractArrayRaw(link, 'attributes')), links) AS `Links.Attributes`
FROM
(
    SELECT
        resource,
        JSONExtractRaw(scopeSpans, 'scope') AS scope,
        arrayJoin(JSONExtractArrayRaw(scopeSpans, 'spans')) AS span,
        toUInt64(JSONExtractUInt(span, 'startTimeUnixNano')) AS start,
        JSONExtractArrayRaw(span, 'events') AS events,
        JSONExtractArrayRaw(span, 'links') AS links
    FROM
    (
        SELECT JSONExtractRaw(resourceSpans, 'resource') AS resource, arrayJoin(JSONExtractArrayRaw(resourceSpans, 'scopeSpans')) AS scopeSpans
        FROM
        (
            SELECT arrayJoin(JSONExtractArrayRaw(json, 'resourceSpans')) AS resourceSpans
            FROM file({spans:String}, 'LineAsString', 'json String')
        )
    )
);
