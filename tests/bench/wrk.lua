-- What wrk sends and what it tells. Arguments behind `--`: the path, then Host fields that take turns. Where there is one,
-- wrk makes its request once and asks no script for each.
function init(arguments)
  wrk.path, wrk.headers["Host"] = arguments[1], arguments[2]
  if #arguments == 2 then return end
  local requests, turn = {}, 0
  for i = 2, #arguments do
    wrk.headers["Host"] = arguments[i]
    requests[#requests + 1] = wrk.format("GET")
  end
  function request()
    turn = turn % #requests + 1
    return requests[turn]
  end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "bytes": %d, "p50": %.6f, "p99": %.6f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
