-- One look-up over a kept connection to Redis: the value of the number, the name compared, the body.
ngx.req.read_body()
local body = ngx.req.get_body_data()
local number = string.match(body, '"certificate_number":"([^"]*)"')
local name = string.match(body, '"name":"([^"]*)"')

local redis = ngx.socket.tcp()
assert(redis:connect("127.0.0.1", 18520))

local function get(key)
    assert(redis:send("*2\r\n$3\r\nGET\r\n$" .. #key .. "\r\n" .. key .. "\r\n"))
    local length = tonumber(string.sub(assert(redis:receive("*l")), 2))
    if length < 0 then
        return nil
    end
    local value = assert(redis:receive(length))
    assert(redis:receive(2))
    return value
end

local value, answer = get(number), nil
if value then
    local length = string.byte(value)
    if string.sub(value, 2, 1 + length) == name then
        answer = string.sub(value, 2 + length)
    end
end
-- What a miss says depends on the institution only.
answer = answer or get(string.sub(number, 1, 13)) or ""
redis:setkeepalive(3600000, 64)
ngx.header["Content-Length"] = #answer
ngx.print(answer)
