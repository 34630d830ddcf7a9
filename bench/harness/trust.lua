--- The system's trust with our root in it, in both of its shapes: a bundle, and a directory as
-- openssl-rehash(1) makes it.
local process = require "harness.process"

local trust = {}

local SYSTEM = "/etc/ssl/certs"

--- Makes them below place.trust.
function trust.make(place)
  assert(process.capture(process.command {"sh", "-c", [[
    set -e
    rm -rf "$1" && mkdir -p "$1/hashed"
    cat "$4/ca-certificates.crt" "$2" >"$1/bundle.pem"
    find "$4" -name '*.[0-9]' -exec cp -P {} "$1/hashed" \;
    for link in "$1"/hashed/*; do
      if [ -L "$link" ]; then ln -sf "$(readlink -f "$4/${link##*/}")" "$link"; fi
    done
    cp -L "$3"/*.[0-9] "$1/hashed"]], "sh", place.trust, place.ca, place.ca_dir, SYSTEM}, 60))
end

--- The variables by which a contender finds one of them, for env(1). Its own way to trust the
-- system's where it has one; Node has a list inside, and adds our root to that.
---@param shape string  "bundle" or "directory"
function trust.environment(place, contender, shape)
  if contender.id == "node" then return {"NODE_EXTRA_CA_CERTS=" .. place.ca} end
  if shape == "bundle" then
    return {"-u", "SSL_CERT_DIR", "SSL_CERT_FILE=" .. place.trust .. "/bundle.pem"}
  end
  -- Others than ours would load libssl's own bundle as well, were none named.
  local file = contender.ours and {"-u", "SSL_CERT_FILE"} or {"SSL_CERT_FILE=/nonexistent"}
  file[#file + 1] = "SSL_CERT_DIR=" .. place.trust .. "/hashed"
  return file
end

return trust
