/*
 * consumer.cpp: consumer.c once more, as C++17 would have it.
 *
 *   consumer
 *   consumer HOST PORT CA_FILE
 */
#include <sslconnect.h>

#include <array>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

template <auto free> struct deleter {
  template <typename object> void operator()(object *o) const { free(o); }
};
using ctx_ptr = std::unique_ptr<sslc_ctx, deleter<sslc_ctx_free>>;
using conn_ptr = std::unique_ptr<sslc_conn, deleter<sslc_conn_free>>;
using bio_ptr = std::unique_ptr<sslc_bio, deleter<sslc_bio_free>>;
using error_ptr = std::unique_ptr<sslc_error, deleter<sslc_error_free>>;

void need(bool good, const std::string &what)
{
  if (!good)
    throw std::runtime_error(what);
}

void check_versions()
{
  need(std::string(sslc_version()) == SSLC_VERSION, "another version runs");
  need(sslc_version_number() == SSLC_VERSION_NUMBER, "another number runs");
}

void check_client_hello()
{
  sslc_bio *near_half = nullptr;
  sslc_bio *far_half = nullptr;
  need(sslc_bio_new_pair(&near_half, 0, &far_half, 0) == SSLC_OK, "no pair");
  bio_ptr near_bio(near_half);
  bio_ptr far_bio(far_half);
  ctx_ptr ctx(sslc_ctx_new());
  conn_ptr conn(sslc_conn_new(ctx.get()));
  need(sslc_conn_set_bio(conn.get(), near_half, near_half) == SSLC_OK,
       "no BIO");
  need(sslc_conn_set_server_name(conn.get(), "example.com") == SSLC_OK,
       "no name");
  need(sslc_conn_connect(conn.get()) == SSLC_WANT_READ, "nothing wanted");

  std::array<unsigned char, 3> record{};
  size_t n = 0;
  need(sslc_bio_read(far_half, record.data(), record.size(), &n) == SSLC_OK,
       "no bytes");
  need(n == 3 && record[0] == 0x16 && record[1] == 0x03, "not a ClientHello");
}

void connect_to(const char *host, int port, const char *ca_file)
{
  ctx_ptr ctx(sslc_ctx_new());
  need(sslc_ctx_load_verify_file(ctx.get(), ca_file) == SSLC_OK,
       "no authority");
  sslc_open_options options = SSLC_OPEN_OPTIONS_INIT;
  options.deadline = sslc_deadline(20000);
  sslc_conn *opened = nullptr;
  sslc_error *failed = nullptr;
  sslc_status status =
    sslc_open_wait(ctx.get(), host, port, &options, &opened, &failed);
  conn_ptr conn(opened);
  error_ptr error(failed);
  need(status == SSLC_OK, failed ? sslc_error_text(failed) : "no reason");
  need(sslc_conn_is_verified(opened) == 1, "not verified");
  std::cout << "C++, " << sslc_conn_version(opened) << ", "
            << sslc_openssl_version() << "\n";
  sslc_conn_close(opened);
}

} // namespace

int main(int argc, char **argv)
try {
  check_versions();
  check_client_hello();
  if (argc == 4)
    connect_to(argv[1], std::stoi(argv[2]), argv[3]);
  return 0;
} catch (const std::exception &e) {
  std::cerr << "consumer: " << e.what() << "\n";
  return 1;
}
