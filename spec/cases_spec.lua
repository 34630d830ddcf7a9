-- cases_spec.lua: every case of chain and name that casekit makes, from Lua: through handshakes
-- over sockets and through ctx:verify. csrc/tests/test_cases.c does the same from C, with TLS 1.2
-- as well. docs/cases.md lists them.
local cases = require "support.cases"
local helper = require "helper"
local ssl = require "sslconnect"

local list = cases.read(assert(os.getenv("SSLC_BIN"), "SSLC_BIN is not set") .. "/casekit")

local OPTIONS = {loop = "coroutine", timeout = helper.patience}

local function with(a, b)
  local all = {}
  for name, value in pairs(a) do all[name] = value end
  for name, value in pairs(b) do all[name] = value end
  return all
end

local function some(text) return text ~= "" and text or nil end

-- The value of a setting, as an option takes it.
local function value_of(text)
  if text == "true" then return true end
  return tonumber(text) or text
end

-- The context of whoever judges, and that of whoever shows the chain, however weak it is.
local function judge_of(case)
  local settings = {ca_pem = case.trust, crl_pem = some(case.crl), intermediates = some(case.extra)}
  local name, value = case.set:match("^(.-)=(.*)$")
  if name then settings[name] = value_of(value) end
  if case.role == "client" then
    settings.cert, settings.key = helper.cert("good.pem"), helper.cert("good.key")
    settings.verify_client = "required"
  end
  return assert(ssl.context(settings))
end

local function shower_of(case)
  return assert(ssl.context {
    cert = case.sent, key = case.key, ca_file = helper.ca, insecure_min_version = "1.1",
  })
end

local port, listener = helper.listen()
teardown(function() listener:close() end)

-- Says something once connected, and reads what the other side says; its connection or the error.
local function talk(conn, err)
  if not conn then return nil, err end
  assert(conn:write("hello\n"))
  local line, why = conn:read("l")
  local verified = conn:info().verified
  conn:close()
  return line and {line = line, verified = verified}, why
end

-- Both sides at once; the results of whoever judges.
local function shake(case, judge)
  local shower = shower_of(case)
  local is_client = case.role == "client"
  local server, client = shower, judge
  if is_client then server, client = judge, shower end
  local name = is_client and "localhost" or case.host
  local results = helper.run {
    function() return talk(server:accept(helper.accept(listener), OPTIONS)) end,
    function()
      local fd = helper.tcp_fd(port)
      return talk(client:wrap(fd, with(OPTIONS, {server_name = name, take = true})))
    end,
  }
  local result = results[is_client and 1 or 2]
  return result[1], result[2]
end

-- A server that is nothing but bytes.
local function fly(case, judge)
  local fd = helper.tcp_fd(port)
  local sock = assert(listener:accept())
  assert(sock:send(case.flight))
  local conn, err = judge:wrap(fd, {server_name = case.host, take = true, loop = "blocking",
    timeout = helper.patience})
  sock:close()
  return conn, err
end

-- What is wrong with a verdict, as text; nil where it is what the case says.
local function fault(case, good, err)
  if case.code == "" then
    if not good then return "refused: " .. tostring(err) end
    if type(good) == "table" and not good.verified then return "not verified" end
    return nil
  end
  if good then return "accepted" end
  if err.code ~= case.code then return "refused otherwise: " .. tostring(err) end
  local result = tonumber(case.result)
  if result ~= 0 and err.verify_result ~= result then
    return ("verify_result is %s: %s"):format(tostring(err.verify_result), tostring(err))
  end
end

local function check(case, how, good, err)
  local wrong = fault(case, good, err)
  if wrong then error(("%s, %s: %s"):format(case.name, how, wrong), 0) end
end

local function check_handshakes(case)
  local judge = judge_of(case)
  if case.code == "bad_option" then
    check(case, "wrap", judge:wrap(0, {server_name = case.host}))
    return
  end
  if case.served == "1" then check(case, "a handshake", shake(case, judge)) end
  if case.flight ~= "" then check(case, "a forged flight", fly(case, judge)) end
  local stats = judge:stats()
  if case.code ~= "" then
    assert.equal(0, stats.kept)
    assert.equal(0, stats.resumed)
  end
end

local function check_chains(case)
  local judge = judge_of(case)
  local options = {name = case.host, purpose = case.role}
  if case.role == "client" then options.name = nil end
  local good, err = judge:verify(cases.certificates(case), options)
  if case.code == "protocol_error" then
    helper.fails({code = "bad_file"}, good, err)
    return
  end
  check(case, "a chain in DER", good, err)
  check(case, "a chain in PEM", judge:verify(case.sent, options))
end

local function each(f)
  for _, case in ipairs(list) do
    it(case.name .. ": " .. case.what, function() f(case) end)
  end
end

describe("a handshake, case", function() each(check_handshakes) end)

describe("a chain without a connection, case", function() each(check_chains) end)

describe("docs/cases.md", function()
  it("has the cases as they are", function()
    local page = helper.slurp(helper.root() .. "/docs/cases.md")
    local tables = assert(page:match("\n## The cases\n(.*)$"))
    assert.equal(table.concat(cases.rows(list), "\n") .. "\n", tables)
  end)

  it("has enough of them, each with a name of its own", function()
    local seen, refused = {}, 0
    for _, case in ipairs(list) do
      assert.is_nil(seen[case.name], case.name)
      seen[case.name] = true
      if case.code ~= "" then refused = refused + 1 end
      assert.equal(case.code ~= "" and "refused" or "accepted", case.verdict)
    end
    assert.is_true(#list >= 120)
    assert.is_true(refused >= 100)
  end)
end)
