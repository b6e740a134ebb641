-- wrk -s rotate.lua URL -- FILE [KEY [JSON_BYTES]]: POST the bodies in FILE in turn, with an API key if it is not empty.
-- Each body follows a line with its length. Bodies are JSON, or JSON_BYTES of it before binary tensors.
local bodies, index = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local length = file:read("*l")
  while length do
    bodies[#bodies + 1] = file:read(tonumber(length))
    length = file:read("*l")
  end
  wrk.headers["Content-Type"] = "application/json"
  if arguments[2] and arguments[2] ~= "" then wrk.headers["X-API-Key"] = arguments[2] end
  if arguments[3] then
    wrk.headers["Content-Type"] = "application/octet-stream"
    wrk.headers["Inference-Header-Content-Length"] = arguments[3]
  end
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
