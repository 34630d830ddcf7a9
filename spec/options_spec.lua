-- options_spec.lua: what is wrong with options is said before anything is connected, and nothing
-- is guessed: safety hangs on some of them.
local helper = require "helper"
local ssl = require "sslconnect"

local function bad(text)
  return {code = "bad_option", phase = "config", text = "config: " .. text .. " [bad_option]"}
end

-- Everything that takes the settings of TLS: name -> function(options).
local takers = {
  ["ssl.context"] = ssl.context,
  ["ssl.connect"] = function(given) return ssl.connect("127.0.0.1", 1, given) end,
  ["ssl.connect of a table"] = function(given)
    local all = {host = "127.0.0.1", port = 1}
    for name, value in pairs(given) do all[name] = value end
    return ssl.connect(all)
  end,
}

-- Calls f(taker) for each of them.
local function each_taker(f)
  for name, taker in pairs(takers) do
    local ok, err = pcall(f, taker)
    if not ok then error(name .. ": " .. tostring(err), 0) end
  end
end

-- The call must fail as expected, and a listener must have got nothing.
local function never_connects(expected, call)
  local port, listener = helper.listen()
  helper.fails(expected, call(port))
  listener:settimeout(0)
  local sock, why = listener:accept()
  listener:close()
  assert.is_nil(sock)
  assert.equal("timeout", why)
end

describe("an unknown option", function()
  local suggestions = {
    ca_fil = "ca_file", cafile = "ca_file", CA_FILE = "ca_file", ca_filename = "ca_file",
    capem = "ca_pem", crlfile = "crl_file", keypassword = "key_password", ALPN = "alpn",
    min_versoin = "min_version", minversion = "min_version", maxversion = "max_version",
    lenient_oef = "lenient_eof", insecure_noverify = "insecure_no_verify",
    insecure_no_verfy = "insecure_no_verify", insecure_no_namecheck = "insecure_no_name_check",
    verifyclient = "verify_client", trustsystem = "trust_system",
  }

  it("is an error that suggests the nearest known one", function()
    each_taker(function(taker)
      for typo, meant in pairs(suggestions) do
        helper.fails(bad(('unknown option "%s"; did you mean "%s"?'):format(typo, meant)),
          taker {[typo] = "x"})
      end
    end)
  end)

  it("that is near to none lists them all", function()
    local _, err = ssl.context {completely_different = true}
    helper.check_error(err, {code = "bad_option", phase = "config"})
    assert.matches('unknown option "completely_different"; there are: alpn, .*ca_dir, ca_file, ',
      err.text)
  end)

  it("suggests the options of a connect only to a connect", function()
    helper.fails(bad('unknown option "time_out"; did you mean "timeout"?'),
      ssl.connect("127.0.0.1", 1, {time_out = 1}))
    helper.fails(bad('unknown option "servername"; did you mean "server_name"?'),
      ssl.connect("127.0.0.1", 1, {servername = "x"}))
    local _, err = ssl.context {server_name = "x"}
    helper.check_error(err, {code = "bad_option", has = 'unknown option "server_name"'})
    assert.is_nil(err.text:find('mean "server_name"', 1, true))
  end)

  it("is one even where its value is false", function()
    each_taker(function(taker)
      helper.fails({code = "bad_option", has = 'unknown option "verify"'}, taker {verify = false})
    end)
  end)

  it("may not be a setting of TLS where a context is there already", function()
    local ctx = assert(ssl.context())
    for _, method in ipairs {"connect", "wrap", "accept"} do
      local target = method == "connect" and {"127.0.0.1", 1} or {0}
      target[#target + 1] = {insecure_no_verify = true}
      helper.fails({code = "bad_option", phase = "config",
        has = 'unknown option "insecure_no_verify"'}, ctx[method](ctx, helper.unpack(target)))
    end
  end)

  it("is a name: lists and other keys are refused", function()
    each_taker(function(taker)
      if taker ~= takers["ssl.connect of a table"] then
        helper.fails(bad("option names are strings, not number (1)"), taker {"insecure"})
        helper.fails(bad("option names are strings, not boolean (true)"), taker {[true] = 1})
      end
    end)
  end)

  it("is shown shortened where it is long", function()
    local _, err = ssl.context {[("x"):rep(5000)] = 1}
    helper.check_error(err, {code = "bad_option"})
    assert.is_nil(err.text:find(("x"):rep(61), 1, true))
  end)
end)

describe("an option", function()
  it("of the wrong type is refused, with what was given and expected", function()
    for name, expected in pairs {
      ca_file = "a string", ca_dir = "a string", ca_pem = "a string", crl_file = "a string",
      crl_pem = "a string", cert = "a string", key = "a string", pkcs12 = "a string",
      key_password = "a string without zero bytes or a function that gives one",
      cert_uri = "a string", key_uri = "a string",
      trust_system = "true or false", lenient_eof = "true or false",
      insecure_no_verify = "true or false", insecure_no_name_check = "true or false",
      min_version = 'one of "1.2", "1.3"', insecure_min_version = 'one of "1.0", "1.1"',
      verify_client = 'one of "none", "optional", "required"',
    } do
      each_taker(function(taker)
        helper.fails(bad(('option "%s" is 12 (number); expected %s'):format(name, expected)),
          taker {[name] = 12})
        helper.fails(bad(('option "%s" is a table (table); expected %s'):format(name, expected)),
          taker {[name] = {}})
      end)
    end
  end)

  it("that is a switch is true or false, and nothing that counts as it", function()
    for _, name in ipairs {"lenient_eof", "insecure_no_verify", "insecure_no_name_check",
      "trust_system"} do
      for _, value in ipairs {0, 1, "true", "false", "yes", "", {}} do
        each_taker(function(taker)
          helper.fails({code = "bad_option", phase = "config", has = 'option "' .. name .. '" is ',
            matches = "; expected true or false %["}, taker {[name] = value})
        end)
      end
    end
  end)

  it("that is a version is one of those that are safe", function()
    helper.fails(bad('option "min_version" is "1.1" (string); expected one of "1.2", "1.3"'),
      ssl.context {min_version = "1.1"})
    helper.fails(bad('option "min_version" is "TLSv1.2" (string); expected one of "1.2", "1.3"'),
      ssl.context {min_version = "TLSv1.2"})
    helper.fails({code = "bad_option", has = 'option "insecure_min_version" is "1.2"'},
      ssl.context {insecure_min_version = "1.2"})
    helper.fails({code = "bad_option", has = 'option "max_version" is "1.4"'},
      ssl.context {max_version = "1.4"})
  end)

  it("may not contradict another", function()
    helper.fails({code = "bad_option", phase = "config",
      has = "min_version is above max_version: there is no version left to speak"},
      ssl.context {min_version = "1.3", max_version = "1.2"})
    helper.fails({code = "bad_option", phase = "config"},
      ssl.connect("127.0.0.1", 1, {min_version = "1.3", max_version = "1.2"}))
  end)

  it("that lists protocols has names of 1 to 255 bytes", function()
    for _, alpn in ipairs {12, true, {12}, {{}}, {"h2", false}} do
      helper.fails({code = "bad_option", phase = "config", has = 'option "alpn" is'},
        ssl.context {alpn = alpn})
    end
    for _, alpn in ipairs {"", {""}, {"h2", ""}, ("x"):rep(256)} do
      helper.fails({code = "bad_option", phase = "config", has = "alpn"},
        ssl.context {alpn = alpn})
    end
    helper.fails({code = "bad_option", has = 'option "alpn" is'},
      ssl.context {alpn = {protocol = "h2"}})
    assert(ssl.context {alpn = ("x"):rep(255)})
  end)

  it("may not have a zero byte in it, which C would end it at", function()
    for _, name in ipairs {"ca_file", "ca_dir", "ca_pem", "crl_file", "crl_pem", "cert", "key",
      "key_password", "alpn"} do
      each_taker(function(taker)
        helper.fails({code = "bad_option", phase = "config", has = 'option "' .. name .. '" is'},
          taker {[name] = helper.ca .. "\0.evil"})
      end)
    end
    helper.fails({code = "bad_option", has = 'option "server_name" is'},
      ssl.connect("127.0.0.1", 1, {server_name = "localhost\0.evil.example"}))
  end)

  it("that is a loop is known or an adapter", function()
    for _, loop in ipairs {"cqueue", "", 1, true, {}, {wait = 1},
      {wait = print, forget = "no"}} do
      helper.fails({code = "bad_option", phase = "config", has = "loop"},
        ssl.connect("127.0.0.1", 1, {loop = loop}))
    end
    local unknown = bad('loop "cqueue" is not known; there are "blocking", "coroutine", ' ..
      '"embedded", "cqueues", "luv", "copas"')
    helper.fails(unknown, ssl.connect("127.0.0.1", 1, {loop = "cqueue"}))
    helper.fails(unknown, ssl.set_loop("cqueue"))
  end)

  it("is shown shortened where its value is long, and in one line", function()
    local _, err = ssl.context {min_version = ("1\n2"):rep(1000)}
    helper.check_error(err, {code = "bad_option"})
    assert.is_true(#err.text < 300, #err.text)
  end)
end)

describe("options", function()
  it("are a table", function()
    for _, given in ipairs {1, "insecure", true, print} do
      helper.fails({code = "bad_option", phase = "config", has = "options are a table, not "},
        ssl.context(given))
      helper.fails({code = "bad_option", phase = "config", has = "options are a table, not "},
        ssl.connect("127.0.0.1", 1, given))
    end
  end)

  it("may be absent", function()
    assert.is_not_nil(ssl.context())
    assert.is_not_nil(ssl.context {})
  end)

  it("are not changed, and may be changed afterwards", function()
    local server = helper.serve {"good/alpn"}
    local given = {ca_file = helper.ca, alpn = {"h2"}}
    local ctx = assert(ssl.context(given))
    assert.same({ca_file = helper.ca, alpn = {"h2"}}, given)
    given.alpn[1], given.ca_file = "other", nil
    local conn = assert(ctx:connect("localhost", server:port("good/alpn")))
    assert.equal("h2", conn:info().alpn)
    assert.matches("alpn=h2", tostring(ctx))
    conn:close()
    server:stop()
  end)
end)

describe("a mistake in what safety hangs on", function()
  -- Each leaves out or weakens a check where it is taken for something else.
  local mistakes = {
    {ca_fil = helper.ca}, {cafile = helper.ca}, {ca_file = true}, {ca_file = "/does/not/exist"},
    {ca_file = helper.ca .. "\0"}, {ca_dir = "/does/not/exist"}, {ca_pem = "no PEM"},
    {ca_pem = ""}, {ca_file = ""}, {crl_file = "/does/not/exist", ca_file = helper.ca},
    {crl_fil = helper.cert("crl.pem")}, {min_versoin = "1.3"}, {min_version = 1.3},
    {min_version = "1.3 "}, {server_nam = "localhost"}, {server_name = ""},
    {server_name = "*"}, {server_name = "localhost\0"}, {server_name = true},
    {insecure_no_verify = "no"}, {insecure_no_verify = 0}, {insecure_no_name_check = "false"},
    {verify = true}, {verify = "peer"}, {timeout = "1"}, {timeout = 0 / 0},
    {cert = helper.cert("client.pem")}, {key = helper.cert("client.key")},
    {cert = helper.cert("client.pem"), key = helper.cert("mismatch.key")},
    {cert = "/does/not/exist", key = helper.cert("client.key")},
    {loop = "cqueue"}, {1, ca_file = helper.ca},
  }

  it("never connects", function()
    for _, given in ipairs(mistakes) do
      local _, seen = ssl.connect("127.0.0.1", 1, given)
      local code = seen.code
      assert(code == "bad_option" or code == "bad_file", tostring(seen))
      never_connects({code = code}, function(port)
        return ssl.connect("127.0.0.1", port, given)
      end)
    end
  end)
end)

describe("a file", function()
  local function bad_file(text)
    return {code = "bad_file", phase = "config", text = "config: " .. text .. " [bad_file]"}
  end

  it("that does not exist is named, with the system's reason", function()
    local client = {cert = helper.cert("client.pem"), key = helper.cert("client.key")}
    for _, name in ipairs {"ca_file", "ca_dir", "crl_file", "cert", "key"} do
      local given = {ca_file = helper.ca, cert = client.cert, key = client.key}
      given[name] = "/does/not/exist"
      each_taker(function(taker)
        local _, err = taker(given)
        helper.check_error(err, bad_file(name .. ' "/does/not/exist": No such file or directory'))
        assert.equal(2, err.errno)
      end)
    end
  end)

  it("that holds nothing of the kind is named", function()
    for _, name in ipairs {"empty.pem", "garbage.pem", "broken.pem"} do
      local path = helper.cert(name)
      for _, option in ipairs {"ca_file", "crl_file", "cert", "key"} do
        local given = {ca_file = helper.ca}
        given[option] = path
        helper.fails({code = "bad_file", phase = "config", has = option .. ' "' .. path .. '"'},
          ssl.context(given))
      end
    end
  end)

  it("that is a directory, and the other way round", function()
    helper.fails({code = "bad_file", phase = "config", has = 'ca_file "' .. helper.cert("cadir")},
      ssl.context {ca_file = helper.cert("cadir")})
    helper.fails({code = "bad_file", phase = "config", has = 'ca_dir "' .. helper.ca},
      ssl.context {ca_dir = helper.ca})
  end)
end)

describe("a certificate and a key", function()
  local cert, key = helper.cert("client.pem"), helper.cert("client.key")

  it("belong together", function()
    local other = helper.cert("mismatch.key")
    helper.fails({code = "bad_file", phase = "config", text = "config: the private key (" ..
      other .. ") does not belong to the certificate (" .. cert .. ", CN=client) [bad_file]"},
      ssl.context {cert = cert, key = other})
  end)

  it("are given both", function()
    helper.fails(bad("cert (" .. cert .. ") is set without its key"), ssl.context {cert = cert})
    helper.fails(bad("key (" .. key .. ") is set without its cert"), ssl.context {key = key})
  end)

  it("may need a password, and nobody is asked for it", function()
    local encrypted = helper.cert("client-enc.key")
    local is_encrypted = 'config: key "' .. encrypted .. '" is encrypted'
    local _, err = ssl.context {cert = cert, key = encrypted}
    helper.check_error(err, {code = "bad_file", phase = "config", has = is_encrypted})
    assert.matches("key_password", err.text)
    _, err = ssl.context {cert = cert, key = encrypted, key_password = "guess"}
    helper.check_error(err, {code = "bad_file", phase = "config", has = is_encrypted})
    assert.matches("password", err.text)
    assert.is_nil(err.text:find("guess", 1, true))
    assert(ssl.context {cert = cert, key = encrypted, key_password = "secret"})
  end)

  it("as text are told from names of files", function()
    assert(ssl.context {cert = helper.slurp(cert), key = helper.slurp(key)})
    helper.fails({code = "bad_file", phase = "config",
      text = 'config: cert "in memory" has a malformed certificate [bad_file]'},
      ssl.context {cert = helper.slurp(helper.cert("broken.pem")), key = helper.slurp(key)})
  end)
end)

describe("revocation lists", function()
  it("may be text", function()
    assert(ssl.context {ca_file = helper.ca, crl_pem = helper.slurp(helper.cert("crl.pem"))})
    helper.fails({code = "bad_file", phase = "config",
      text = 'config: crl_pem "in memory" has no revocation list in PEM [bad_file]'},
      ssl.context {ca_file = helper.ca, crl_pem = "garbage"})
  end)

  it("are heeded with the system's trust, too", function()
    local server = helper.serve {"revoked/name", "direct/name"}
    local script = [[
      local ssl, crl, ports = require("sslconnect"), ]] .. ("%q"):format(helper.cert("crl.pem")) ..
      (", {%d, %d}\n"):format(server:port("revoked/name"), server:port("direct/name")) .. [[
      for _, port in ipairs(ports) do
        local conn, err = ssl.connect("localhost", port, {crl_file = crl})
        print(conn and conn:read("l") or err.code)
      end]]
    assert.equal("certificate_revoked\nlocalhost\n",
      (helper.output_of(script, {SSL_CERT_DIR = "/", SSL_CERT_FILE = helper.ca})))
    server:stop()
  end)
end)
