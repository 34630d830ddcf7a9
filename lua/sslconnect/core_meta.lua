---@meta sslconnect.core
-- core_meta.lua: what sslconnect.core is, for language servers (LuaCATS annotations). Not a module
-- to be required: the functions are in lua/core/*.c, the words behind them in sslconnect.h.
-- luacheck: no unused

---sslconnect.h one to one: contexts, BIOs, connections, stepped by hand. `require "sslconnect"` is
---what a program wants; this is for the REPL and for scripts that drive a handshake themselves.
---
---A step answers `true` or a value (done), `false` and the name of the status (call again when the
---BIO is ready), `nil` alone (the end of the stream), or `nil` and an error. Only arguments that
---cannot be meant throw: a wrong type, a number out of range, a string with a zero byte where C
---takes a string. Nothing yields. Every method may be called at any time; on a closed object
---steps and setters fail with `closed`, and getters answer nil or false.
---@class sslconnect.core
---@field version string the version of sslconnect that is running, "0.1.0"
---@field codes table<string, sslconnect.core.code> every code that an error can have, by its name
---@field error_mt table the metatable of all errors
local core = {}

---What a code means.
---@class sslconnect.core.code
---@field code integer its number in sslconnect.h
---@field class sslconnect.core.class the class it belongs to
---@field sentence string what it means
---@field hint string|nil what to do about it

---What a step that is not done waits for.
---@alias sslconnect.core.want
---| "want_read" # call again when the BIO can be read
---| "want_write" # call again when the BIO can be written
---| "want_connect" # the transport is not connected yet
---| "want_accept" # the transport has not accepted yet
---| "want_x509_lookup" # a certificate is to be chosen
---| "want_async" # an asynchronous engine is at work
---| "want_async_job" # no asynchronous job could be started
---| "want_client_hello_cb" # a ClientHello callback is to be run again
---| "want_retry_verify" # a verification hook is to answer

---The few classes of failures.
---@alias sslconnect.core.class
---| "arg" # a parameter is not what it must be
---| "state" # the call does not fit the object's state
---| "nomem" # memory is short
---| "config" # a setting cannot be used
---| "dns" # the name could not be resolved
---| "sys" # a system call failed: see errno
---| "timeout" # the deadline passed
---| "eof" # the stream ended without close_notify
---| "alert" # the peer sent a fatal alert
---| "proto" # the peer broke the protocol, or speaks another
---| "verify" # the peer's certificate was not accepted
---| "canceled" # ended by this side before it was done
---| "internal" # none of the above: a bug

---Readiness: readable, writable, both.
---@alias sslconnect.core.events "r"|"w"|"rw"

---What went wrong. `tostring` gives its `text`. A field that has nothing to say is absent.
---@class sslconnect.core.error
---@field code string in one word: "certificate_expired"; the keys of `core.codes`
---@field class sslconnect.core.class
---@field phase string|nil "config", "dns", "connect", "handshake", "read", "write", "shutdown"
---@field message string what happened, with the particulars
---@field hint string|nil what to do about it
---@field text string all of it in one line, for a log
---@field errno integer|nil of the system call that failed
---@field strerror string|nil the words for it
---@field ssl_error integer|nil what SSL_get_error(3) said
---@field verify_result integer|nil the X509_V_ERR_* of X509_verify_cert(3)
---@field depth integer|nil of the certificate at fault in the chain; 0: the peer's own
---@field certificate sslconnect.core.cert|nil the certificate at fault
---@field alert integer|nil the alert that was received
---@field alert_name string|nil its name in the RFC
---@field host string|nil whom the operation was for: "example.com:443"
---@field address string|nil the address it had reached: "192.0.2.1:443"
---@field path string|nil the file that could not be opened
---@field queue string[]|nil OpenSSL's error queue, oldest first

-- The module -------------------------------------------------------------------------------------

---The OpenSSL that is running, as OpenSSL_version(3) words it.
---@return string
function core.openssl_version() end

---The OpenSSL whose headers the module was compiled with.
---@return string
function core.openssl_build_version() end

---Now, on the monotonic clock that deadlines are measured with.
---@return number seconds since a point that means nothing
function core.now() end

---Makes an error like those of the C core; class, hint and text follow from the rest.
---@param code string one of `core.codes`; another throws
---@param phase string|nil
---@param message string|nil what happened; the sentence of the code when nil
---@param fields table|nil more fields, copied: host, address, errno, ...; `hint` stands in for the
---code's own, and "" for none
---@return sslconnect.core.error
function core.error(code, phase, message, fields) end

---Waits until a descriptor is ready, blocking. poll(2).
---@param fd integer
---@param events sslconnect.core.events what to wait for
---@param seconds number|nil how long at most; nil and huge: for ever; negative: not at all
---@return sslconnect.core.events|false|nil ready false: the time is over, or a signal came
---@return sslconnect.core.error|nil err
function core.wait(fd, events, seconds) end

---Closes a descriptor. close(2).
---@param fd integer
---@return true|nil done
---@return sslconnect.core.error|nil err system_error
function core.close_fd(fd) end

---A certificate from bytes: the first one of PEM text, or one in DER.
---@param bytes string
---@return sslconnect.core.cert|nil cert
---@return sslconnect.core.error|nil err bad_file
function core.cert(bytes) end

---Whether a value is a certificate of this module.
---@param value any
---@return boolean
function core.is_cert(value) end

---A new context: trusts what the system trusts, verifies chain and name, speaks TLS 1.2 or newer.
---@return sslconnect.core.ctx|nil ctx
---@return sslconnect.core.error|nil err out_of_memory
function core.ctx() end

---A BIO on a connected stream socket. Never blocks until `set_nbio(false)`. BIO_s_socket(3).
---@param fd integer the descriptor
---@param close boolean|nil true: it is the BIO's from now on, and closed with its last reference.
---false, the default: it stays the caller's. On an error it stays the caller's in any case.
---@return sslconnect.core.bio|nil bio
---@return sslconnect.core.error|nil err out_of_memory
function core.bio_socket(fd, close) end

---Whether a key, or a file of PKCS #12, needs a password; false too where it is none.
---@param path string
---@return boolean encrypted
function core.key_file_is_encrypted(path) end

---The same of what is in memory.
---@param data string
---@return boolean encrypted
function core.key_mem_is_encrypted(data) end

---The same of what a URI names.
---@param uri string
---@return boolean encrypted
function core.key_uri_is_encrypted(uri) end

---Bytes that are the same for the same text within this process, and tell nothing of it; to know
---secrets again by.
---@param text string
---@return string|nil digest nil where memory is short
function core.secret_digest(text) end

---A BIO that connects by itself when it is first read, written or stepped (`do_handshake`), and is
---a socket's from then on. BIO_s_connect(3). The connection above has to be told the name too.
---@param host string a name or an address; what is wrong with it is told at the first step
---@param port integer 1 to 65535
---@return sslconnect.core.bio|nil bio
---@return sslconnect.core.error|nil err out_of_memory
function core.bio_connect(host, port) end

---A BIO that listens and accepts, one connection at a time: the first `do_handshake` listens, each
---later one accepts; then the BIO of that connection is its `next`. BIO_s_accept(3).
---@param address string|nil a local address; nil: any
---@param port integer 0: one that is free; `address` tells which
---@return sslconnect.core.bio|nil bio
---@return sslconnect.core.error|nil err out_of_memory
function core.bio_accept(address, port) end

---Two BIOs joined: what is written to one is read from the other. BIO_s_bio(3).
---@param size1 integer|nil how many bytes the first can hold that were written to it and not yet
---read from the other; nil or 0: 17 KiB, enough for a TLS record
---@param size2 integer|nil the same for the second
---@return sslconnect.core.bio|nil bio1
---@return sslconnect.core.bio|sslconnect.core.error bio2 or the error: out_of_memory
function core.bio_pair(size1, size2) end

---Memory: what is written can be read, and it grows as it has to. BIO_s_mem(3).
---@return sslconnect.core.bio|nil bio
---@return sslconnect.core.error|nil err out_of_memory
function core.bio_mem() end

---Memory that can only be read, and then ends. BIO_new_mem_buf(3).
---@param data string copied
---@return sslconnect.core.bio|nil bio
---@return sslconnect.core.error|nil err out_of_memory
function core.bio_mem_buf(data) end

---A filter that gathers what is written, until it is full or flushed, and reads ahead. To be put
---before another BIO by `push`. BIO_f_buffer(3).
---@param size integer|nil bytes, each way; nil or 0: 4096
---@return sslconnect.core.bio|nil bio
---@return sslconnect.core.error|nil err out_of_memory
function core.bio_buffer(size) end

---Takes everything and gives nothing. BIO_s_null(3).
---@return sslconnect.core.bio|nil bio
---@return sslconnect.core.error|nil err out_of_memory
function core.bio_null() end

---A file, opened as by fopen(3). It blocks, as files do. BIO_s_file(3).
---@param path string
---@param mode string "r", "w", "a", "r+", ...
---@return sslconnect.core.bio|nil bio
---@return sslconnect.core.error|nil err bad_file, with errno and path; out_of_memory
function core.bio_file(path, mode) end

---A BIO whose bytes are the plaintext of a connection, for TLS in TLS. It has a reference of its
---own to the connection, whose handshake is done as it is needed. BIO_f_ssl(3).
---@param conn sslconnect.core.conn
---@param close boolean|nil true: the BIO's last reference closes the connection. false, the
---default: it only lets go of it
---@return sslconnect.core.bio|nil bio
---@return sslconnect.core.error|nil err out_of_memory; closed: the connection is
function core.bio_conn(conn, close) end

---UNSAFE: nothing can check the pointer. A BIO made of OpenSSL's own, with its chain. A reference
---to it that somebody has (BIO_new(3), BIO_up_ref) becomes this BIO's; so it is not for what
---`native` gives, which comes without one. It must be of the libcrypto of `core.openssl_version()`.
---@param native lightuserdata a `BIO *`
---@return sslconnect.core.bio|nil bio
---@return sslconnect.core.error|nil err out_of_memory: the reference stays the caller's
function core.bio_wrap(native) end

---A connection made from a context, which is immutable from then on. SSL_new(3).
---@param ctx sslconnect.core.ctx may be closed or collected right after
---@return sslconnect.core.conn|nil conn
---@return sslconnect.core.error|nil err out_of_memory; closed: the context is
function core.conn(ctx) end

---Dials: from host and port to a connected TCP socket, in steps.
---@return sslconnect.core.dial|nil dial
---@return sslconnect.core.error|nil err out_of_memory
function core.dial() end

---A set of descriptors to wait for. epoll(7) where there is one.
---@return sslconnect.core.poller|nil poller
---@return sslconnect.core.error|nil err
function core.poller() end

-- Contexts ---------------------------------------------------------------------------------------

---What connections share: trust, identity, versions, ALPN. SSL_CTX_new(3). Setters work until the
---first connection is made from it (`misuse` after that). One that fails leaves the context
---unusable: connections from it fail with the same error.
---@class sslconnect.core.ctx
local ctx = {}

---Trusts what the system trusts; the default where nothing else is named.
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:load_verify_system() end

---Trusts the certificates of a file, PEM or DER. With it only what is named counts.
---@param path string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file
function ctx:load_verify_file(path) end

---Trusts a directory as openssl-rehash(1) makes it; looked into during handshakes.
---@param path string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file
function ctx:load_verify_dir(path) end

---Trusts the certificates of an OpenSSL store, read at once: OSSL_STORE_open(3).
---@param uri string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file
function ctx:load_verify_store(uri) end

---Trusts a certificate in DER, in memory.
---@param der string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file
function ctx:load_verify_der(der) end

---Trusts a certificate.
---@param cert sslconnect.core.cert
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option: it is closed
function ctx:load_verify_cert(cert) end

---Trusts certificates in PEM, in memory.
---@param pem string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:load_verify_pem(pem) end

---Revocation lists from a PEM file: from then on the peer's certificate must be covered by one that
---is in force. Not together with the system's trust.
---@param path string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file, bad_option
function ctx:load_crl_file(path) end

---Revocation lists in PEM, in memory.
---@param pem string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:load_crl_pem(pem) end

---Our certificate from a PEM file, the chain behind it.
---@param path string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file
function ctx:use_certificate_file(path) end

---Our certificate in PEM, in memory, the chain behind it.
---@param pem string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:use_certificate_pem(pem) end

---The private key of our certificate, from a PEM file. Nobody is ever asked for a password.
---@param path string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file, bad_option
function ctx:use_private_key_file(path) end

---The private key of our certificate in PEM, in memory.
---@param pem string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:use_private_key_pem(pem) end

---An identity for tests and for trying things out: a certificate for `name`, good as a server's and
---as a client's for a day, made anew at each call by an authority of its own.
---@param name string a name or an address, as for conn:set_server_name
---@return sslconnect.core.cert|nil authority to be trusted by the other side, which nobody does who
---was not told: other:load_verify_pem(authority:pem())
---@return sslconnect.core.error|nil err bad_option
function ctx:use_throwaway_certificate(name) end

---The password of the key that is set next.
---@param password string|nil at most 1023 bytes; nil forgets it
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:set_key_password(password) end

---The list of ciphers for TLS 1.2, as OpenSSL takes it. SSL_CTX_set_cipher_list(3). What it does
---not know, what authenticates nobody, encrypts nothing or can be broken is an error.
---@param list string "ECDHE+AESGCM:!aNULL"
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:set_ciphers(list) end

---The same, but the list may have in it what is not safe, and lower the security level.
---@param list string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:set_insecure_ciphers(list) end

---The list of cipher suites for TLS 1.3. SSL_CTX_set_ciphersuites(3).
---@param list string "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:set_ciphersuites(list) end

---The groups for the key exchange, the preferred one first. SSL_CTX_set1_groups_list(3). The
---post-quantum hybrid that OpenSSL offers by itself stays in front, unless the list names it, also
---as "!X25519MLKEM768".
---@param list string "X25519:P-256"
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:set_groups(list) end

---The algorithms that the peer may sign with. SSL_CTX_set1_sigalgs_list(3).
---@param list string "ECDSA+SHA256:ed25519"
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:set_sigalgs(list) end

---TLS 1.3 pads what it sends to a multiple of so many bytes. SSL_CTX_set_block_padding(3).
---@param size integer 0 to 16384; 0: it does not
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:set_block_padding(size) end

---The most bytes that a record sent carries. SSL_CTX_set_max_send_fragment(3).
---@param size integer 512 to 16384
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:set_max_send_fragment(size) end

---Asks the server that no record either way carries more: RFC 6066. It may not heed it:
---conn:max_fragment_length().
---@param size integer 0 (not asked), 512, 1024, 2048 or 4096
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:set_max_fragment_length(size) end

---Appends the secrets of each connection to a file, for Wireshark. SSL_CTX_set_keylog_callback(3).
---It is made with mode 0600; one that others can read is refused.
---@param path string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file
function ctx:set_keylog_file(path) end

---The same with the file that the environment's SSLKEYLOGFILE names; nothing where it is not set.
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file
function ctx:set_keylog_env() end

---Certificate, chain and key from a file of PKCS #12, in the place of what was set before. The
---password is that of set_key_password.
---@param path string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file
function ctx:use_pkcs12_file(path) end

---The same, in memory.
---@param data string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file
function ctx:use_pkcs12_mem(data) end

---Our certificate by URI, ossl_store(7), what the store has behind it as its chain.
---@param uri string "file:..."; others as openssl.cnf's providers know them
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file, bad_option
function ctx:use_certificate_uri(uri) end

---The private key of our certificate by URI.
---@param uri string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file, bad_option
function ctx:use_private_key_uri(uri) end

---One identity more, that of another context, whose settings are over then. A client shows the
---first that the server has use for, a server the first of the kind of key that client and cipher
---go with.
---@param identity sslconnect.core.ctx
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:add_identity(identity) end

---A server of several names: clients that ask for this one are served by another context.
---@param name string "*.example" stands for one label more
---@param other sslconnect.core.ctx whose settings are over
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option: no name, one that is there, no certificate
function ctx:add_server_name(name, other) end

---Whether clients that ask for no name that was added, or for none, are turned away.
---@param on boolean
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_strict_sni(on) end

---The oldest version to speak.
---@param version "1.2"|"1.3"|nil nil: the default, 1.2
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option, for "1.0" and "1.1"
function ctx:set_min_version(version) end

---The newest version to speak.
---@param version "1.2"|"1.3"|nil nil: the default, the newest there is
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:set_max_version(version) end

---Application protocols (RFC 7301), the preferred one first. A client offers them all; a server
---picks its first that the client offers.
---@param names string[] of 1 to 255 bytes each, 256 of them at most; {} takes them away
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function ctx:set_alpn(names) end

---What a server asks of its clients. SSL_CTX_set_verify(3).
---@param mode "none"|"optional"|"required" no certificate (the default); one that verifies or none;
---one that verifies
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_verify_client(mode) end

---Adds a key that both sides have from elsewhere, in the place of certificates: one to a client,
---any number to a server.
---@param identity string 1 to 127 bytes without a zero byte
---@param key string 16 to 64 bytes
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:add_psk(identity, key) end

---Adds a pin to the set: a key, one of which the peer's chain must have beside all else that is
---verified. SHA-256 of a SubjectPublicKeyInfo, as cert:spki_sha256() gives it, or 64 hexadecimal
---digits.
---@param pin string
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:add_pin(pin) end

---Whose key has to be pinned: that of any certificate of the chain that was verified (the default),
---or the peer's own.
---@param scope "chain"|"leaf"
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_pin_scope(scope) end

---Whether a server is asked to staple an OCSP response: one that comes has to be good (the
---default), every server's has to come, or none is asked for. SSL_set_tlsext_status_type(3).
---@param mode "off"|"if_stapled"|"required"
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_ocsp(mode) end

---What a server staples to its certificate: an OCSP response in DER.
---@param path string
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:use_ocsp_response_file(path) end

---The same, in memory.
---@param der string
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:use_ocsp_response_der(der) end

---Whether the end of the stream without close_notify counts as a clean end, for protocols that
---frame their own length.
---@param on boolean
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_lenient_eof(on) end

---Whether the handshake is suspended ("want_retry_verify") when the peer's certificate was found
---good, to be refused or not: conn:answer_verify(). One found bad has failed already and is not
---asked about, but with set_insecure_no_verify, where the answer is all there is. Resumed
---connections are asked about too. SSL_set_retry_verify(3).
---@param on boolean
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_retry_verify(on) end

---Whether it is ("want_x509_lookup") when a client is asked for its certificate, or a server needs
---its own: conn:answer_x509_lookup(). SSL_CTX_set_cert_cb(3).
---@param on boolean
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_x509_lookup(on) end

---Whether it is ("want_client_hello_cb") when a server has read the client's first message:
---conn:answer_client_hello(). SSL_CTX_set_client_hello_cb(3).
---@param on boolean
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_client_hello(on) end

---INSECURE. Whether nothing of the peer's certificate is checked.
---@param on boolean
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_insecure_no_verify(on) end

---INSECURE. Whether only the chain is checked, and not the name.
---@param on boolean
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_insecure_no_name_check(on) end

---INSECURE. Speaks versions that are no longer safe, at OpenSSL's security level 0.
---@param version "1.0"|"1.1" the oldest one
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option, for others
function ctx:set_insecure_min_version(version) end

---How many intermediates may stand between the peer's certificate and the trusted one.
---@param depth integer 0 to 100
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option, misuse, as of all that follow
function ctx:set_verify_depth(depth) end

---The time that certificates and revocation lists are judged by; 0: now.
---@param t integer seconds since 1970
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_verify_time(t) end

---What the chain must be good for, as well as for what the peer's role says.
---@param purpose "server"|"client"
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_purpose(purpose) end

---What it must be good for in the place of that.
---@param purpose "server"|"client"|"any"
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_insecure_purpose(purpose) end

---A trusted certificate ends the chain also where it is not a root.
---@param on boolean
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_partial_chain(on) end

---Whether chains whose signatures were found good are remembered for an hour: on at first.
---@param on boolean
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_signature_cache(on) end

---OpenSSL's security level: not below its own, or 2.
---@param level integer 0 to 5
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_security_level(level) end

---The same, and below that too.
---@param level integer 0 to 5
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_insecure_security_level(level) end

---A hashed directory of revocation lists, looked into anew in each handshake.
---@param path string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file
function ctx:load_crl_dir(path) end

---Whose revocation is looked at: the peer's own certificate ("leaf") or all of the chain.
---@param what "leaf"|"chain"
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:set_crl_check(what) end

---Certificates to build chains with, not trusted for that: a file of PEM.
---@param path string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file
function ctx:load_untrusted_file(path) end

---The same in memory.
---@param pem string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_file
function ctx:load_untrusted_pem(pem) end

---One of them.
---@param cert sslconnect.core.cert
---@return true|nil done
---@return sslconnect.core.error|nil err
function ctx:add_untrusted(cert) end

---Verifies a chain as a handshake does in which the peer shows it, with the same errors. Hooks are
---not asked. A use of the context: the time of settings is over.
---@param leaf sslconnect.core.cert the peer's own
---@param intermediates? sslconnect.core.cert[] what it would send along; not trusted for that
---@param name? string|string[] whom it is to be for, any one of a list; a server's must be given
---@param time? integer to judge by, in seconds since 1970
---@param purpose? "server"|"client" whose certificate it is; a server's
---@return true|nil ok
---@return sslconnect.core.error|nil err
function ctx:verify_chain(leaf, intermediates, name, time, purpose) end

---Says everything that can be said of the settings before a connection is made.
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option, bad_file
function ctx:check() end

---Whether a file or directory that was loaded is no longer the one it was.
---@return boolean
function ctx:files_changed() end

---Why the last setter or check failed.
---@return sslconnect.core.error|nil
function ctx:error() end

---Lets go of this reference; connections made from the context keep theirs.
---@return true
function ctx:close() end

-- BIOs -------------------------------------------------------------------------------------------

---The kinds of BIOs. "functions" are made in C alone: in Lua a pair does the same.
---@alias sslconnect.core.kind
---| "socket"
---| "connect"
---| "accept"
---| "pair"
---| "memory"
---| "buffer" # a filter
---| "null"
---| "file"
---| "functions"
---| "connection"
---| "native"

---Where the bytes of a connection go to and come from. bio(7). Each userdata has a reference of its
---own, to be closed in any order; two of one BIO are equal (but not the same key of a table).
---`tostring` tells of the whole chain what each part is, stands on and holds.
---@class sslconnect.core.bio
local bio = {}

---What kind of BIO it is.
---@return sslconnect.core.kind|nil kind nil when closed
function bio:kind() end

---Puts another BIO, with all that is behind it, behind the last of this one's chain. BIO_push(3).
---@param other sslconnect.core.bio
---@return true|nil done
---@return sslconnect.core.error|nil err misuse: the last is no filter, `other` stands in a chain
---already, or a connection uses it; closed: one of them is
function bio:push(other) end

---Takes it out of its chain, which closes over the gap. BIO_pop(3).
---@return true|nil done also where it stood alone
---@return sslconnect.core.error|nil err misuse: it holds bytes, or is the first of a connection's
function bio:pop() end

---The one behind, as a reference of its own. BIO_next(3).
---@return sslconnect.core.bio|nil
function bio:next() end

---The first of a kind, from this one on, as a reference of its own. BIO_find_type(3).
---@param kind sslconnect.core.kind another string throws
---@return sslconnect.core.bio|nil
function bio:find(kind) end

---The connection that uses the chain that begins here, as a reference of its own.
---@return sslconnect.core.conn|nil
function bio:owner() end

---Whether calls that would block return. BIO_set_nbio(3).
---@param nonblocking boolean true is the default; false makes a socket BIO block
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option: it has no socket
function bio:set_nbio(nonblocking) end

---TCP_NODELAY of a socket, at any time: of one that is still to connect, once it is.
---@param on boolean
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option: it has no socket
function bio:set_tcp_nodelay(on) end

---Whether what it stands on (descriptor, file, connection) is closed with its last reference.
---BIO_set_close(3).
---@param on boolean
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option: there is nothing to close
function bio:set_close(on) end

---What set_close has set.
---@return boolean|nil on nil: there is nothing to close
function bio:get_close() end

---What an empty memory BIO says to a reader. BIO_set_mem_eof_return(3).
---@param value 0|-1 0: the stream has ended (`bio_mem_buf`); -1: come again (`bio_mem`)
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option
function bio:set_mem_eof_return(value) end

---Makes it ready: connects, listens and accepts, shakes hands below; others are ready.
---BIO_do_handshake(3).
---@return boolean|nil done
---@return sslconnect.core.want|sslconnect.core.error|nil why
function bio:do_handshake() end

---Reads what there is.
---@param max integer bytes at most, from 1 on; one call gives no more than 17 KiB
---@return string|false|nil data nil alone: the end of the stream
---@return sslconnect.core.want|sslconnect.core.error|nil why
function bio:read(max) end

---Writes as much as can be taken.
---@param s string
---@param i integer|nil the part of `s` to write, as in string.sub
---@param j integer|nil
---@return integer|false|nil count bytes taken, which may be fewer
---@return sslconnect.core.want|sslconnect.core.error|nil why closed: after shutdown_wr
function bio:write(s, i, j) end

---Writes a string that has no zero bytes. BIO_puts(3).
---@param s string
---@return integer|false|nil count bytes taken, which may be fewer
---@return sslconnect.core.want|sslconnect.core.error|nil why
function bio:puts(s) end

---Reads a line, with its newline; one that is longer, or whose end has not come yet, comes in
---parts. For pair, memory, file and buffer: put a buffer before others. BIO_gets(3).
---@param max integer|nil bytes at most; nil: 17 KiB, which is also the most
---@return string|false|nil line nil alone: the end of the stream
---@return sslconnect.core.want|sslconnect.core.error|nil why
function bio:gets(max) end

---Sends on what filters hold. BIO_flush(3).
---@return boolean|nil done
---@return sslconnect.core.want|sslconnect.core.error|nil why
function bio:flush() end

---To its beginning: memory is emptied, or where it is read-only read anew; a file is read from its
---start; a buffer throws away what it holds, and so does the chain behind. BIO_reset(3).
---@return true|nil done
---@return sslconnect.core.error|nil err
function bio:reset() end

---What can be read, without taking it; for pair and memory. In C that is without a copy; a string
---of Lua's always is one, so `max` bounds what is copied.
---@param max integer|nil bytes at most; nil: 17 KiB, which is also the most
---@return string|false|nil data there may be more; nil alone: the end of the stream
---@return sslconnect.core.want|sslconnect.core.error|nil why
function bio:peek(max) end

---Takes bytes away that `peek` gave.
---@param n integer how many, from 0 on
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option: there are not so many to peek at
function bio:consume(n) end

---No more will be written: the other end reads what there is, then the end.
---@return true|nil done
---@return sslconnect.core.error|nil err
function bio:shutdown_wr() end

---What the last step wants. BIO_should_retry(3).
---@return sslconnect.core.want|nil want nil: it is not to be repeated
function bio:should_retry() end

---The descriptor to wait for. While a BIO connects that is another one than after, and to be waited
---for as readable: so ask after each step.
---@return integer|nil
function bio:fd() end

---How long to wait at most before the next step, in seconds: a BIO that connects has timers.
---@return number|nil seconds nil: for ever
function bio:timeout() end

---Of a BIO that connects, the address tried last or reached; of one that accepts, the one it
---listens on; of a socket's, the peer's: "192.0.2.1:443", "[2001:db8::1]:443".
---@return string|nil
function bio:address() end

---Bytes that can be read without a system call. BIO_ctrl_pending(3).
---@return integer|nil
function bio:pending() end

---Bytes written that have not gone on yet, as far as that is known. BIO_ctrl_wpending(3).
---@return integer|nil
function bio:wpending() end

---Whether the end of the stream was read. BIO_eof(3).
---@return boolean
function bio:eof() end

---The `BIO *` of OpenSSL, for other modules in C. Borrowed: it lasts as long as somebody has a
---reference to this BIO.
---@return lightuserdata|nil
function bio:native() end

---Why the last call failed.
---@return sslconnect.core.error|nil
function bio:error() end

---Lets go of this reference; a connection or chain that has the BIO keeps its own.
---@return true
function bio:close() end

-- Connections ------------------------------------------------------------------------------------

---What a resumption needs, immutable: SSL_SESSION. From conn:session(), for conn:set_session().
---@class sslconnect.core.session
local session = {}

---The name that its connection was verified for; nil for none.
---@return string|nil
function session:server_name() end

---"TLSv1.3"
---@return string|nil
function session:version() end

---When it began, in seconds since 1970.
---@return integer|nil
function session:time() end

---For how many seconds from then on it may be resumed.
---@return integer|nil
function session:lifetime() end

---What a context has counted of its clients.
---@class sslconnect.core.stats
---@field connects integer handshakes that were done
---@field offered integer handshakes begun with a session to resume
---@field resumed integer of these: the server took it up
---@field refused integer it did not, and the handshake was done in full
---@field failed integer the handshake failed, or was given up
---@field misses integer the cache was asked and had none
---@field stored integer sessions put into the cache
---@field expired integer taken out unused: too old, or trust has changed
---@field evicted integer taken out for want of room
---@field dropped integer taken out as their connection failed, or the server did not know them
---@field kept integer in the cache now
---@field early_data_accepted integer connections whose early data the server took
---@field early_data_rejected integer or did not take

---Keeps so many sessions of connections that have a scope, for so many seconds; 0 sessions: none,
---0 seconds: a day. 1024 and a day at first.
---@param size integer up to 1000000
---@param lifetime integer seconds after the certificate was verified, up to 604800
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option; misuse: the context is in use
function ctx:set_session_cache(size, lifetime) end

---Seals what is exported, and lets nothing else in.
---@param secret string 32 random bytes
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option; misuse: the context is in use
function ctx:set_session_secret(secret) end

---A text that has to be the same where exported sessions are to be let in.
---@param domain string|nil
---@return true|nil done
---@return sslconnect.core.error|nil err misuse: the context is in use
function ctx:set_session_domain(domain) end

---A server takes so many bytes of early data.
---@param size integer 0: none, as at first
---@return true|nil done
---@return sslconnect.core.error|nil err misuse: the context is in use
function ctx:set_max_early_data(size) end

---A session of this context as bytes, as secret as a private key.
---@param given sslconnect.core.session
---@return string|nil bytes
---@return sslconnect.core.error|nil err bad_option: another context's, or its trust has changed
function ctx:export_session(given) end

---The session that was exported from a context which verifies as this one does.
---@param bytes string
---@return sslconnect.core.session|nil
---@return sslconnect.core.error|nil err bad_option: changed, cut, not sealed, of other settings
function ctx:import_session(bytes) end

---nil where the context is closed.
---@return sslconnect.core.stats|nil
function ctx:stats() end

---How many bytes of early data it may send.
---@return integer
function session:max_early_data() end

---One TLS connection. ssl(7). Given a BIO and, as a client, the server's name; then stepped until
---it is done. A step that fails for good is remembered, and later ones fail alike. Two userdata of
---one connection are equal; `close` closes it for both, the collector closes it with the last one.
---@class sslconnect.core.conn
local conn = {}

---The BIOs to read from and write to. SSL_set_bio(3). The connection has references of its own.
---@param rbio sslconnect.core.bio
---@param wbio sslconnect.core.bio|nil nil: the same
---@return true|nil done
---@return sslconnect.core.error|nil err misuse: one stands behind another, or is another
---connection's; closed: one is
function conn:set_bio(rbio, wbio) end

---The BIO read from, as a reference of its own.
---@return sslconnect.core.bio|nil
function conn:rbio() end

---The BIO written to, as a reference of its own.
---@return sslconnect.core.bio|nil
function conn:wbio() end

---Whom a client wants to talk to: sent in SNI (never an address) and looked for in the certificate.
---@param name string a name, also with a dot at its end or in Unicode, or an address
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option: no name that can be verified; misuse
function conn:set_server_name(name) end

---A name that the peer's certificate may be for, in the place of the server name, which is then
---only sent; called again for each that will do.
---@param name string a host or address; "email:ann@example.com"; "URI:sip:example.com"
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option, misuse
function conn:add_peer_name(name) end

---What errors call the peer; nothing else depends on it.
---@param label string "example.com:443"
---@return true|nil done
---@return sslconnect.core.error|nil err
function conn:set_peer_label(label) end

---What errors say its address is; nothing else depends on it. Without it the socket is asked, which
---may not know any more.
---@param address string "192.0.2.1:443"
---@return true|nil done
---@return sslconnect.core.error|nil err
function conn:set_peer_address(address) end

---A secret that only the two ends of the connection can have, the same on both for the same label
---and context. SSL_export_keying_material(3), RFC 5705.
---@param label string 1 to 249 bytes
---@param length integer 1 to 8160
---@param context string|nil nil: none, which with TLS 1.2 is another than an empty one
---@return string|nil bytes
---@return sslconnect.core.error|nil err bad_option, misuse: the handshake is not done
function conn:export_keying_material(label, length, context) end

---What a login is bound to: RFC 9266, RFC 5929.
---@param kind "tls-exporter"|"tls-server-end-point"
---@return string|nil bytes
---@return sslconnect.core.error|nil err bad_option: this connection has no such binding; misuse
function conn:channel_binding(kind) end

---What was agreed on with ctx:set_max_fragment_length; 0 where nothing was.
---@return integer|nil bytes
function conn:max_fragment_length() end

---Hides the server name by these configurations of the server's, as bytes or in base64: the
---encrypted ClientHello. SSL_set1_ech_config_list(3).
---@param list string
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option: they cannot be used, or OpenSSL has no such
---thing (before 4.0); misuse
function conn:set_ech_config_list(list) end

---Makes it a client. SSL_set_connect_state(3).
---@return true|nil done
---@return sslconnect.core.error|nil err misuse: the handshake has begun
function conn:set_connect_state() end

---Makes it a server. SSL_set_accept_state(3).
---@return true|nil done
---@return sslconnect.core.error|nil err misuse: the handshake has begun
function conn:set_accept_state() end

---Has the last flight of the handshake held, so that it leaves in one piece with what is written
---first; or when a read or peek has nothing to give, in shutdown, close and flush. false: it leaves
---at once, the default. Who waits for the descriptor without having tried to read has to flush.
---@param on boolean
---@return true|nil done
---@return sslconnect.core.error|nil err misuse: the handshake has begun
function conn:set_hold_flight(on) end

---Offers to resume a session, as a client: SSL_set_session(3). It is of this context, and of the
---server name of this connection, which may be set after. session_reused() tells what came of it.
---@param offered sslconnect.core.session|nil nil takes back what was set
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option: another context's or name's; misuse; closed
function conn:set_session(offered) end

---The session, to be resumed by another connection: SSL_get1_session(3). nil where it could not
---be: the handshake is not done, the server's ticket has not come (with TLS 1.3 it comes with the
---first data), the peer was not verified, the connection failed.
---@return sslconnect.core.session|nil
function conn:session() end

---Where the connection leads, "example.com:443": among those of equal texts the context keeps and
---offers sessions by itself.
---@param scope string|nil nil: neither, as at first
---@return true|nil done
---@return sslconnect.core.error|nil err misuse: the handshake has begun
function conn:set_session_scope(scope) end

---Under which name to keep its sessions: 64 hexadecimal digits. nil without a scope.
---@return string|nil
function conn:session_key() end

---Sends data that may come twice with the first flight, in the place of the first step, once; all
---of it, or nothing (0) where no session allows it. SSL_write_early_data(3).
---@param data string
---@return integer|false|nil sent
---@return sslconnect.core.want|sslconnect.core.error|nil why
function conn:write_early_data(data) end

---A server's: what the client sent so, "" where there is no more. SSL_read_early_data(3).
---@param max integer 1 to 4096
---@return string|false|nil data
---@return sslconnect.core.want|sslconnect.core.error|nil why
function conn:read_early_data(max) end

---What became of it, once the handshake is done.
---@return "not_sent"|"rejected"|"accepted"
function conn:early_data() end

---The next session that came on a client with a scope and was not taken yet.
---@return sslconnect.core.session|nil
function conn:take_session() end

---One step of the handshake. SSL_do_handshake(3).
---@param level boolean|nil true: whoever waits for the socket waits for its state, as poll(2) does,
---so that there is no need to look in vain for an answer to what was just sent
---@return boolean|nil done
---@return sslconnect.core.want|sslconnect.core.error|nil why
function conn:do_handshake(level) end

---One step of the handshake as a client. SSL_connect(3).
---@return boolean|nil done
---@return sslconnect.core.want|sslconnect.core.error|nil why
function conn:connect() end

---One step of the handshake as a server. SSL_accept(3).
---@return boolean|nil done
---@return sslconnect.core.want|sslconnect.core.error|nil why
function conn:accept() end

---Reads what one step gives. SSL_read_ex(3).
---@param max integer bytes at most, from 1 on; one call gives no more than a record's
---@return string|false|nil data nil alone: the peer sent close_notify
---@return sslconnect.core.want|sslconnect.core.error|nil why truncated: the stream ended without it
function conn:read(max) end

---The same without taking the bytes. SSL_peek_ex(3).
---@param max integer
---@return string|false|nil data
---@return sslconnect.core.want|sslconnect.core.error|nil why
function conn:peek(max) end

---Writes what one step takes. SSL_write_ex(3). After `false` the same bytes are to be given again.
---@param s string
---@param i integer|nil the part of `s` to write, as in string.sub
---@param j integer|nil
---@return integer|false|nil count bytes taken, which may be fewer
---@return sslconnect.core.want|sslconnect.core.error|nil why
function conn:write(s, i, j) end

---Reads as io.read does, in one go where nothing has to be waited for. What came and does not do
---yet is kept, and `read` and `peek` do not see it.
---@param format "l"|"L"|"a"|integer|nil "l" where absent
---@param deadline number|true|nil a point of core.now(): until then it may wait in poll(2); true:
---as for do_handshake
---@return string|boolean|nil data true: to be called again; nil alone: the end of the stream;
---false, "format": the format is none
---@return sslconnect.core.want|"format"|sslconnect.core.error|nil why after a wait in vain, and
---after a signal, "want_read"
function conn:receive(format, deadline) end

---Reads until there is enough for `take`, or nothing more to be had now. The bytes are kept.
---@param format "l"|"L"|"a"|integer|nil
---@return boolean|nil more true: more is kept than before; nil alone: the end of the stream
---@return sslconnect.core.want|sslconnect.core.error|nil why
function conn:fill(format) end

---Takes of what is kept what the format asks for.
---@param format "l"|"L"|"a"|integer|nil
---@param no_more boolean|nil true: what is left will do, as at the end of the stream
---@return string|false|nil data false: there is not enough
---@return sslconnect.core.error|nil err
function conn:take(format, no_more) end

---Takes of what is kept, 1 to `max` bytes.
---@param max integer
---@return string|false data false: nothing is kept
function conn:take_some(max) end

---How many bytes are kept.
---@return integer|nil
function conn:kept() end

---Writes all of one string, as far as that goes without waiting.
---@param ... any
---@return boolean|integer sent true: all; false: it is not one string, and nothing was done; else
---how many bytes were taken, and `write` from there on tells why not more
function conn:transmit(...) end

---Sends what is held: a flight (set_hold_flight), and what the filters of the BIO hold.
---@return boolean|nil done
---@return sslconnect.core.want|sslconnect.core.error|nil why
function conn:flush() end

---New keys for what this side sends: SSL_key_update(3).
---@param request boolean|nil true: for what the peer sends as well
---@return boolean|nil done
---@return sslconnect.core.want|sslconnect.core.error|nil why misuse: TLS 1.2 has none
function conn:key_update(request) end

---Sends close_notify; called again, waits for the peer's. SSL_shutdown(3).
---@return boolean|nil done true: both were exchanged; false, "want_read": ours is sent
---@return sslconnect.core.want|sslconnect.core.error|nil why
function conn:shutdown() end

---Which close_notify was seen. SSL_get_shutdown(3).
---@return {sent: boolean, received: boolean}|nil
function conn:get_shutdown() end

---Bytes that `read` gives without touching the BIO. SSL_pending(3).
---@return integer|nil
function conn:pending() end

---How many bytes the peer may have of a write that is to be repeated, or has failed.
---@return integer|nil
function conn:write_begun() end

---Whether anything is buffered that the BIO's readiness does not tell of. SSL_has_pending(3).
---@return boolean
function conn:has_pending() end

---The name of the last step's status: "ok", "want_read", "verify", ...
---@return string|nil
function conn:last_status() end

---What libssl's function returned at the last step: 1, 0, below 0.
---@return integer|nil
function conn:last_return() end

---What SSL_get_error(3) made of that.
---@return integer|nil
function conn:ssl_error() end

---Why the last step failed.
---@return sslconnect.core.error|nil
function conn:error() end

---Whether the handshake is done.
---@return boolean
function conn:is_connected() end

---Whether it accepts; nil while neither it nor the opposite is set. SSL_is_server(3).
---@return boolean|nil
function conn:is_server() end

---Where the handshake is, in libssl's words. SSL_state_string_long(3).
---@return string|nil
function conn:state_string() end

---The descriptor to wait for before the next step: that of the BIO read from; after "want_write" of
---the one written to. After "want_connect" and "want_accept" it is waited for as readable, and may
---be another one after each step.
---@return integer|nil
function conn:fd() end

---How many seconds to wait at most before the next step; nil: for as long as it takes.
---@return number|nil
function conn:timeout() end

---"TLSv1.3"; like the other negotiated things nil before the handshake is done.
---@return string|nil
function conn:version() end

---The cipher suite by its name in the RFC.
---@return string|nil
function conn:cipher() end

---The group of the key exchange: "X25519".
---@return string|nil
function conn:group() end

---The application protocol.
---@return string|nil
function conn:alpn() end

---Whether a session was resumed.
---@return boolean
function conn:session_reused() end

---A client's: the name as it was set, normalised. A server's: the name that came in SNI.
---@return string|nil
function conn:server_name() end

---How many certificates the peer sent.
---@return integer|nil
function conn:peer_cert_count() end

---One of the peer's certificates, as it sent them.
---@param i integer 1 is its own
---@return sslconnect.core.cert|nil
function conn:peer_cert(i) end

---Whether chain and (as a client) name were checked and found good.
---@return boolean
function conn:is_verified() end

---The identity of the key (ctx:add_psk) that the peer has proven to have; nil where there is none.
---@return string|nil
function conn:psk_identity() end

---"good" when the server stapled an OCSP response that was checked, else "none". nil before the
---handshake is done.
---@return "good"|"none"|nil
function conn:ocsp_status() end

---Adds a TLSA record: the server has to show what one of them is about. Before the handshake.
---RFC 6698, SSL_dane_tlsa_add(3).
---@param usage integer 0 to 3
---@param selector integer 0: the certificate, 1: its key
---@param matching_type integer 0: the whole of it, 1: SHA-256, 2: SHA-512
---@param data string bytes
---@return true|nil done
---@return sslconnect.core.error|nil err
function conn:add_tlsa(usage, selector, matching_type, data) end

---Demands the TLSA records that a dial has looked up, none or more. Once that is connected, before
---the handshake.
---@param dial sslconnect.core.dial
---@return true|nil done
---@return sslconnect.core.error|nil err
function conn:use_tlsa(dial) end

---The depth in the chain of what a TLSA record was about; nil where there were none, and of a
---resumed connection. SSL_get0_dane_authority(3).
---@return integer|nil
function conn:dane_depth() end

---The stapled response in DER; nil where there is none.
---@return string|nil
function conn:ocsp_response() end

---What verification came to: 0 (X509_V_OK), or an X509_V_ERR_* of X509_verify_cert(3). nil before
---there is one.
---@return integer|nil
function conn:verify_result() end

---How many certificates the chain has that was built.
---@return integer|nil
function conn:chain_count() end

---One of the chain's certificates; as they were sent, where the handshake was resumed.
---@param i integer 1 is the peer's own, the last one the authority's that is trusted
---@return sslconnect.core.cert|nil
function conn:chain(i) end

---After "want_x509_lookup": how many authorities the server named.
---@return integer|nil
function conn:ca_name_count() end

---Their names, as cert:subject() has them.
---@param i integer 1 is the first
---@return string|nil
function conn:ca_name(i) end

---The answer to "want_retry_verify". Refused, the next step fails with verification_failed.
---@param accept boolean true or false, and nothing else
---@param reason string|nil for the error
---@return true|nil done
---@return sslconnect.core.error|nil err misuse: nothing was asked; closed
function conn:answer_verify(accept, reason) end

---The answer to "want_x509_lookup": a context with certificate and key; nil for no certificate.
---After a failure it is still to be answered.
---@param identity sslconnect.core.ctx|nil
---@return true|nil done
---@return sslconnect.core.error|nil err misuse: nothing was asked; bad_option; bad_file; closed
function conn:answer_x509_lookup(identity) end

---The answer to "want_client_hello_cb": the context that holds from here on; nil for the one at
---hand.
---@param chosen sslconnect.core.ctx|nil
---@return true|nil done
---@return sslconnect.core.error|nil err misuse: nothing was asked; bad_option; bad_file; closed
function conn:answer_client_hello(chosen) end

---Instead of an answer: ends the handshake. The next step fails with canceled.
---@param reason string|nil for the error
---@return true|nil done
---@return sslconnect.core.error|nil err misuse: nothing was asked; closed
function conn:answer_abort(reason) end

---Whether it is this context's connection: of the one that it was made of, until a server name or
---an answer has chosen another. SSL_get_SSL_CTX(3).
---@param context sslconnect.core.ctx
---@return boolean
function conn:is_of(context) end

---Whether the messages that go by are noted, the newest 256. SSL_set_msg_callback(3).
---@param on boolean false, as at first, forgets what was noted
---@return true|nil done
---@return sslconnect.core.error|nil err
function conn:set_trace(on) end

---A message that went by.
---@class sslconnect.core.message
---@field sent boolean whether this side sent it
---@field content_type "handshake"|"alert"|"application_data"|"change_cipher_spec"
---@field name string as in the RFC: "ClientHello", "close_notify", "ApplicationData"
---@field length integer bytes: of the message with its header; of data as its record carries it
---@field type integer|nil of a handshake message; an alert's description
---@field level integer|nil an alert's: 1 warning, 2 fatal

---What was noted since the last call, the oldest first.
---@return sslconnect.core.message[]|nil
function conn:trace() end

---Sends close_notify where that needs no waiting, and lets go of everything. Never blocks. Who else
---has a reference (another userdata, a BIO over it) finds it closed.
---@return true
function conn:close() end

-- Dials ------------------------------------------------------------------------------------------

---From host and port to a connected socket: names by c-ares, addresses raced by Happy Eyeballs
---(RFC 8305). The settings are made before the start; each gives bad_option, or misuse after it.
---@class sslconnect.core.dial
local dial = {}

---Asks these nameservers, not the system's.
---@param list string|nil addresses with commas in between: "127.0.0.1:5353,[::1]"; nil: the
---system's
---@return true|nil done
---@return sslconnect.core.error|nil err
function dial:set_nameservers(list) end

---Goes to these addresses and resolves nothing.
---@param addresses string[] IPv4 and IPv6, without ports; one or more
---@return true|nil done
---@return sslconnect.core.error|nil err
function dial:set_addresses(addresses) end

---Comes from this local address.
---@param address string|nil nil: any
---@return true|nil done
---@return sslconnect.core.error|nil err
function dial:set_bind(address) end

---How long an attempt has before the next one sets out beside it.
---@param seconds number 0.01 or more; 0.25 at first
---@return true|nil done
---@return sslconnect.core.error|nil err
function dial:set_attempt_delay(seconds) end

---How long IPv4 addresses that came first wait for IPv6 ones.
---@param seconds number 0 or more; 0.05 at first
---@return true|nil done
---@return sslconnect.core.error|nil err
function dial:set_resolution_delay(seconds) end

---TCP_NODELAY of the socket.
---@param on boolean true at first
---@return true|nil done
---@return sslconnect.core.error|nil err
function dial:set_tcp_nodelay(on) end

---SO_KEEPALIVE of the socket.
---@param seconds integer without traffic until the peer is probed, and between probes; 0: never
---@return true|nil done
---@return sslconnect.core.error|nil err
function dial:set_keepalive(seconds) end

---TCP Fast Open: what is written first leaves with the SYN where the kernel has a cookie of the
---server's. The address is then taken without another beside it. RFC 7413.
---@param on boolean false at first
---@return true|nil done
---@return sslconnect.core.error|nil err
function dial:set_fastopen(on) end

---Whether the server's TLSA records are looked up: not at all, to be demanded where there are any
---that count, or to be there in any case. RFC 6698.
---@param mode "off"|"lookup"|"required"
---@return true|nil done
---@return sslconnect.core.error|nil err
function dial:set_tlsa(mode) end

---Sets out; never blocks.
---@param host string a name or an address
---@param port integer 1 to 65535
---@return true|nil done
---@return sslconnect.core.error|nil err bad_option, dns_failed; misuse: it was started before
function dial:start(host, port) end

---The same for a Unix-domain socket.
---@param path string
---@return true|nil done
---@return sslconnect.core.error|nil err
function dial:start_unix(path) end

---One step; to take it too early does no harm. Before the next, wait for `fd` and `events`, as long
---as `timeout` says, asked anew.
---@return boolean|nil done true: connected
---@return sslconnect.core.want|sslconnect.core.error|nil why
function dial:step() end

---Steps and waits until it is done. This blocks; with 0 it waits for nothing, and gives the error
---of a deadline that has passed: how far the dial had come.
---@param seconds number|nil how long at most; nil and huge: for ever
---@return true|nil done
---@return sslconnect.core.error|nil err timeout, after which it can be gone on with
function dial:wait(seconds) end

---Waits once, for no longer than `timeout` says, and steps. This blocks, until a signal comes too.
---@param seconds number|nil how long at most; nil and huge: for ever
---@return boolean|nil done true: connected
---@return sslconnect.core.want|sslconnect.core.error|nil why
function dial:wait_once(seconds) end

---The descriptor to wait for: the same from when it is first asked for until the dial is closed.
---@return integer|nil nil before the start, and where the system has only poll(2), and where it
---cannot be made, which the next step tells
function dial:fd() end

---The only socket that is waited for until the next step, which may close it, and for what.
---@return integer|nil nil where there is none, or several
---@return "r"|"w"|"rw"|nil
function dial:sole_fd() end

---What to wait for.
---@return "r"|nil
function dial:events() end

---How long to wait at most, in seconds; 0: step now; nil: for ever.
---@return number|nil
function dial:timeout() end

---The phase it is in.
---@return "dns"|"connect"|nil
function dial:phase() end

---The connected socket, the caller's from now on: nonblocking, close-on-exec.
---@return integer|nil
function dial:take_fd() end

---The address tried last, or reached: "192.0.2.1:443", "[2001:db8::1]:443", a path.
---@return string|nil
function dial:address() end

---Why the last call failed.
---@return sslconnect.core.error|nil
function dial:error() end

---Lets go of everything, a socket that was not taken too.
---@return true
function dial:close() end

-- Pollers ----------------------------------------------------------------------------------------

---A set of descriptors to wait for.
---@class sslconnect.core.poller
local poller = {}

---Waits for these events of a descriptor from now on.
---@param fd integer to be taken out before it is closed
---@param events sslconnect.core.events|nil nil takes it out
---@return true|nil done
---@return sslconnect.core.error|nil err
function poller:set(fd, events) end

---Waits until one is ready.
---@param seconds number|nil how long at most; nil and huge: for ever; negative: not at all
---@param into table|nil what to put it into; a new table where absent
---@return table<integer, sslconnect.core.events>|nil ready by descriptor; empty when the time is
---over or a signal came in between
---@return sslconnect.core.error|nil err
function poller:wait(seconds, into) end

---A descriptor that is readable whenever one of the set is ready, for another loop.
---@return integer|nil nil where the system has only poll(2)
function poller:fd() end

---Lets go of everything.
---@return true
function poller:close() end

-- Certificates -----------------------------------------------------------------------------------

---An X.509 certificate, immutable. Two are equal when their bytes are.
---@class sslconnect.core.cert
local cert = {}

---The distinguished name of whom it is for, as RFC 2253 writes it: "CN=example.com,O=Example".
---@return string|nil nil for an empty one
function cert:subject() end

---The distinguished name of who issued it.
---@return string|nil
function cert:issuer() end

---The serial number in hexadecimal, lower case.
---@return string
function cert:serial() end

---The alternative names, each with its kind in front: "DNS:example.com", "IP:192.0.2.1".
---@return string[]
function cert:names() end

---When it begins to be valid, in seconds since 1970-01-01 00:00:00 UTC, as os.time counts.
---@return integer
function cert:not_before() end

---When it ends to be valid.
---@return integer
function cert:not_after() end

---SHA-256 of the certificate: 64 hexadecimal digits, lower case.
---@return string
function cert:fingerprint() end

---SHA-256 of its SubjectPublicKeyInfo, as a pin: "sha256/" and base64.
---@return string
function cert:spki_sha256() end

---The certificate in DER.
---@return string
function cert:der() end

---The certificate in PEM.
---@return string
function cert:pem() end

return core
