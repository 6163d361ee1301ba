-- What wrk sends. Arguments: nothing for a GET, a body for a POST, or "signup" and a word for new addresses.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("id", threads)
  -- BENCH_PORTS: each thread goes to the next of these ports.
  local ports = {}
  for port in (os.getenv("BENCH_PORTS") or ""):gmatch("%d+") do ports[#ports + 1] = port end
  if #ports > 0 then
    thread.addr = wrk.lookup(wrk.host, ports[(threads - 1) % #ports + 1])[1]
  end
end

function init(args)
  if not args[1] then return end
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
  if args[1] ~= "signup" then
    wrk.body = args[1]
    return
  end
  local count = 0
  function request()
    count = count + 1
    local email = args[2] .. "-" .. id .. "-" .. count .. "@example.com"
    return wrk.format(nil, nil, nil, '{"email": "' .. email .. '", "password": "secret123"}')
  end
end

function done(summary)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "microseconds": %d, "status": %d, "connect": %d, "read": %d, "write": %d, "timeout": %d}\n',
    summary.requests, summary.duration, e.status, e.connect, e.read, e.write, e.timeout))
end
