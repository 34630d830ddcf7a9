-- docs_spec.lua: what docs/ says of codes and options is what the code has.
local helper = require "helper"
local ssl = require "sslconnect"

local core = ssl.core

local function read_doc(name)
  return helper.slurp(helper.root() .. "/docs/" .. name)
end

local PHASES = {any = true, config = true, dns = true, connect = true, handshake = true,
  read = true, write = true, shutdown = true}

-- The rows of the table of codes, by code: {class, phases, sentence, hint}, and the codes in order.
local function rows()
  local found, order = {}, {}
  for line in read_doc("errors.md"):gmatch("[^\n]+") do
    local code, class, phases, sentence, hint = line:match(
      "^| `([%w_]+)` | ([%w_]+) | ([%w_, ]+) | ([^|]-) |%s*([^|]-)%s*|$")
    if code then
      assert.is_nil(found[code], code .. " stands there twice")
      found[code] = {class = class, phases = phases, sentence = sentence, hint = hint}
      order[#order + 1] = code
    end
  end
  return found, order
end

describe("docs/errors.md", function()
  it("has a row for every code, with its class, sentence and hint", function()
    local found, wrong = rows(), {}
    for code, is in pairs(core.codes) do
      local row = found[code] or {}
      if row.class ~= is.class or row.sentence ~= is.sentence or row.hint ~= (is.hint or "") then
        wrong[#wrong + 1] = ("| `%s` | %s | ... | %s | %s |"):format(code, is.class, is.sentence,
          is.hint or "")
      end
    end
    table.sort(wrong)
    assert.equal("", table.concat(wrong, "\n"))
  end)

  it("has no row for anything else, and they are in the order of their numbers", function()
    local _, order = rows()
    local count, before = 0, 0
    for _ in pairs(core.codes) do count = count + 1 end
    assert.equal(count, #order)
    for _, code in ipairs(order) do
      assert.is_true(core.codes[code].code > before, code)
      before = core.codes[code].code
    end
  end)

  it("names phases that there are", function()
    for code, row in pairs(rows()) do
      for phase in row.phases:gmatch("[%w_]+") do assert.is_true(PHASES[phase], code) end
    end
  end)

  it("names the fields that an error has", function()
    local doc = read_doc("errors.md")
    local err = core.error("timeout", "read", "late", {host = "a:1", address = "192.0.2.1:1"})
    for field in pairs(err) do assert.matches("`" .. field .. "`", doc) end
  end)
end)

describe("docs/api.md", function()
  -- The names that the error about an unknown option lists.
  local function known_options()
    local _, err = ssl.connect("127.0.0.1", 1, {completely_different = true})
    return err.text:match("there are: ([%w_, ]+)")
  end

  it("names every option", function()
    local doc, count = read_doc("api.md"), 0
    for name in known_options():gmatch("[%w_]+") do
      assert.matches("`" .. name .. "`", doc)
      count = count + 1
    end
    assert.is_true(count > 15)
  end)

  it("names every method of a context and a connection", function()
    local doc = read_doc("api.md")
    local server = helper.serve {"good/echo"}
    local ctx = assert(ssl.context {ca_file = helper.ca})
    local conn = assert(ctx:connect("localhost", server:port("good/echo")))
    for prefix, object in pairs {["ctx:"] = ctx, ["conn:"] = conn} do
      for name, method in pairs(getmetatable(object).__index) do
        if type(method) == "function" and not name:find("^__") then
          assert(doc:find(prefix .. name .. "(", 1, true), prefix .. name)
        end
      end
    end
    conn:close()
    server:stop()
  end)
end)
