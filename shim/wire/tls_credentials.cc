// gRPC offers a callback for certificates in its C interface alone.
#include "shim/wire/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <string>

namespace kubase::wire {
namespace {

class FetchedCredentials final : public grpc::ServerCredentials {
 public:
  explicit FetchedCredentials(TlsSource& source)
      : source_(source),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                source.asks_clients() ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                      : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
                &Fetch, this))) {}
  ~FetchedCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {
    KUBASE_CHECK(false);  // not offered
  }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  // On the thread that hands a connection to gRPC, one at a time.
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    auto& credentials = *static_cast<FetchedCredentials*>(self);
    std::shared_ptr<const TlsMaterial> now = credentials.source_.Get();
    if (now == credentials.given_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair{now->key.c_str(), now->certificate.c_str()};
    // Without a client CA nobody is verified, but Debian's build insists on having one.
    const std::string& roots = now->client_ca.empty() ? now->certificate : now->client_ca;
    *config = grpc_ssl_server_certificate_config_create(roots.c_str(), &pair, 1);
    credentials.given_ = std::move(now);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  TlsSource& source_;
  grpc_server_credentials* const credentials_;
  std::shared_ptr<const TlsMaterial> given_;  // shared: the source, while it has nothing newer
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(TlsSource& source) {
  return std::make_shared<FetchedCredentials>(source);
}

}  // namespace kubase::wire
