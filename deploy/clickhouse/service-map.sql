-- Calls between services: each span whose parent is a span of another service. Run by `cargo xtask deploy`.
-- A message counts as a call of the service that published it.

SELECT
    parent.ServiceName AS caller,
    child.ServiceName AS callee,
    count() AS calls,
    countIf(child.StatusCode = 'Error') AS errors
FROM otel_traces AS child
INNER JOIN otel_traces AS parent ON child.TraceId = parent.TraceId AND child.ParentSpanId = parent.SpanId
WHERE child.ServiceName != parent.ServiceName
GROUP BY caller, callee
ORDER BY caller, callee;
