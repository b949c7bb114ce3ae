-- The routes by the time that 99 % of their requests take at most. Run by `cargo xtask deploy`.
-- Of sampled requests. Those that were kept because they were slow or failed are left out: they would raise the percentile.

SELECT
    ServiceName AS service,
    SpanAttributes['http.request.method'] AS method,
    SpanAttributes['http.route'] AS route,
    count() AS spans,
    round(quantileExact(0.5)(Duration) / 1e6, 3) AS p50_ms,
    round(quantileExact(0.99)(Duration) / 1e6, 3) AS p99_ms
FROM otel_traces
WHERE SpanKind = 'Server' AND route != '' AND NOT mapContains(SpanAttributes, 'hopline.kept')
GROUP BY service, method, route
ORDER BY p99_ms DESC, service, method, route
LIMIT 20;
