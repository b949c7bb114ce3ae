-- Requests and errors of each route, computed from the sampled ones. Run by `cargo xtask deploy`.
-- A span counts as many times as its probability implies (`th` in the tracestate: 2^56 / (2^56 - th)). A span without `th`
-- was kept for another reason than its probability, such as an error: the sampled ones already represent it.

WITH
    extract(TraceState, '(?:^|,)\\s*ot=(?:[^,]*;)?th:([0-9a-f]{1,14})') AS threshold,
    pow(2, 56) / (pow(2, 56) - reinterpretAsUInt64(reverse(unhex(rightPad(threshold, 14, '0'))))) AS adjusted
SELECT
    ServiceName AS service,
    SpanAttributes['http.request.method'] AS method,
    SpanAttributes['http.route'] AS route,
    round(sumIf(adjusted, threshold != ''), 3) AS requests,
    round(sumIf(adjusted, threshold != '' AND StatusCode = 'Error'), 3) AS errors,
    round(errors / requests, 4) AS error_rate
FROM otel_traces
WHERE SpanKind = 'Server' AND route != ''
GROUP BY service, method, route
HAVING requests > 0
ORDER BY error_rate DESC, service, method, route;
