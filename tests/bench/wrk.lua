-- What wrk sends and what it tells. Arguments behind `--`: the path, then Host fields that take turns.
local requests, turn = {}, 0

function init(arguments)
  for i = 2, #arguments do
    wrk.headers["Host"] = arguments[i]
    requests[#requests + 1] = wrk.format("GET", arguments[1])
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "bytes": %d, "p50": %.6f, "p99": %.6f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
