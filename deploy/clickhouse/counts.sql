-- The number of traces of each service at which they began, computed from the sampled ones, with its standard error.
-- Run by `cargo xtask deploy`. A root without `th` was kept for its end only and counts 0; see error-rate.sql.
-- Counted at roots: a service with a budget of its own may leave out a part of the traces that it continues.

WITH
    extract(TraceState, '(?:^|,)\\s*ot=(?:[^,]*;)?th:([0-9a-f]{1,14})') AS threshold,
    pow(2, 56) / (pow(2, 56) - reinterpretAsUInt64(reverse(unhex(rightPad(threshold, 14, '0'))))) AS adjusted
SELECT
    ServiceName AS service,
    count() AS kept,
    countIf(threshold = '') AS kept_for_their_end,
    round(sumIf(adjusted, threshold != ''), 3) AS traces,
    round(sqrt(sumIf(adjusted * (adjusted - 1), threshold != '')), 3) AS standard_error
FROM otel_traces
WHERE ParentSpanId = ''
GROUP BY service
ORDER BY service;
