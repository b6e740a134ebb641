-- wrk -s tensors.lua URL -- FILE BODY_BYTES JSON_BYTES: POST each BODY_BYTES of FILE in turn, binary tensors behind
-- JSON_BYTES of JSON.
local bodies, index = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local size = tonumber(arguments[2])
  local body = file:read(size)
  while body do
    bodies[#bodies + 1] = body
    body = file:read(size)
  end
  wrk.headers["Content-Type"] = "application/octet-stream"
  wrk.headers["Inference-Header-Content-Length"] = arguments[3]
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
