-- What wrk sends, told by the environment, and one line that a program can read at the end.

wrk.method = os.getenv("BENCH_METHOD") or "GET"
local length = tonumber(os.getenv("BENCH_BODY") or "0")
if length > 0 then
  wrk.body = string.rep("x", length)
end
wrk.headers["Accept"] = "*/*"
wrk.headers["User-Agent"] = "wrk"

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
