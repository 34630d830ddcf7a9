--- Puts what was measured into docs/performance.md.
--
--   lua5.4 bench/page.lua [RESULTS [PAGE]]
--
-- RESULTS is where `./dev bench` has written. In the page the lines between `<!-- NAME -->` and
-- `<!-- end -->` become what stands in RESULTS/NAME.md below its title; the plot is copied beside
-- the page, into a directory of its name.
local results = arg[1] or "build/bench/results"
local page = arg[2] or "docs/performance.md"
local plots = page:gsub("%.md$", "")

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

local function measured(name)
  local text = read(("%s/%s.md"):format(results, name)):gsub("^# [^\n]*\n+", ""):gsub("%s+$", "")
  write(("%s/%s.svg"):format(plots, name), read(("%s/%s.svg"):format(results, name)))
  return ("<!-- %s -->\n%s\n\n![%s](%s/%s.svg)\n<!-- end -->"):format(name, text, name,
    plots:match("[^/]+$"), name)
end

local text, count = read(page):gsub("<!%-%- (%l+) %-%->\n.-<!%-%- end %-%->", function(name)
  return name ~= "end" and measured(name) or nil
end)
write(page, text)
print(count .. " tables in " .. page)
