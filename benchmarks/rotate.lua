-- wrk -s rotate.lua URL -- FILE KEY: POST each line of FILE in turn, with an API key if there is one.
local bodies, index = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do bodies[#bodies + 1] = line end
  wrk.headers["Content-Type"] = "application/json"
  if arguments[2] and arguments[2] ~= "" then wrk.headers["X-API-Key"] = arguments[2] end
end

function request()
  index = index % #bodies + 1
  return wrk.format("POST", nil, nil, bodies[index])
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('{"requests": %d, "microseconds": %d, "failed": %d}\n',
    summary.requests, summary.duration, failed))
end
