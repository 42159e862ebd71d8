// What `dev bench identity` measures with: does one kind of work for a while, and says how often and in how much CPU time of its thread.
//
// Reads "KIND MILLISECONDS" lines and answers each with {"operations":n,"cpu_s":x}; KIND "kinds" lists them. Every result is checked, and
// before any of it what must be refused is shown: a wrong answer ends the process with status 1.
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>

#include "bench/identity/handshake.hpp"
#include "bench/identity/world.hpp"

namespace interlock::bench {
namespace {

constexpr std::size_t kRemembered = 10'000;
constexpr int kStridePerLook = 16;       // operations between two looks at the clock
constexpr std::size_t kProofs = 20'000;  // made before a slice, as each is good once

struct Slice {
  std::int64_t operations = 0;
  double cpu_s = 0;
};

// A request of the agent, as a surface presents it.
identity::Presentation presentation(std::string_view authorization) {
  identity::Presentation out;
  if (!authorization.empty()) out.authorization = authorization;
  out.method = "POST";
  out.url = kResource;
  out.resources = {std::string(kResource)};
  return out;
}

identity::Answer answer_of(identity::Authenticator& authenticator, identity::Presentation shown) {
  identity::Answer out = std::unexpected(identity::Refusal{});
  authenticator.authenticate(std::move(shown), [&](identity::Answer answer) { out = std::move(answer); });
  return out;
}

void expect_agent(identity::Authenticator& authenticator, identity::Presentation shown, model::Assurance assurance) {
  bool right = false;
  authenticator.authenticate(std::move(shown), [&](const identity::Answer& answer) {
    if (!answer) give_up("the agent was refused: " + answer.error().error.text());
    right = answer->id == kAgent && answer->assurance == assurance;
  });
  if (!right) give_up("the agent was taken for another, or its assurance is wrong");
}

void expect_refusal(identity::Authenticator& authenticator, identity::Presentation shown, std::string_view what) {
  if (answer_of(authenticator, std::move(shown))) give_up("was not refused: " + std::string(what));
}

class Load {
 public:
  Load() {
    control();
    tls_ = must(net::TlsServer::create(world_.certificate("spiffe://bench.example/gate"), true));
  }

  Slice run(const std::string& kind, double seconds) {
    const auto it = kinds_.find(kind);
    if (it == kinds_.end()) give_up("there is no work called " + kind);
    return it->second(seconds);
  }
  std::string kinds() const {
    std::string out;
    for (const auto& [name, work] : kinds_) (out += out.empty() ? "" : " ") += name;
    return out;
  }

 private:
  using Work = std::function<Slice(double seconds)>;

  // Wrong credentials, with and without a memory of right ones.
  void control() {
    for (auto* one : {fresh_.get(), remembering_.get()}) {
      auto broken = es256_;
      broken[broken.size() - 4] = broken[broken.size() - 4] == 'A' ? 'B' : 'A';
      expect_refusal(*one, presentation(broken), "a token with another signature");
      const auto proof = world_.proof(bound_token_);
      auto shown = presentation(bound_);
      shown.dpop = {proof};
      expect_agent(*one, shown, model::Assurance::kDpop);
      expect_refusal(*one, shown, "a replayed proof");
      const auto elsewhere = world_.proof(es256_);
      shown.dpop = {elsewhere};
      expect_refusal(*one, shown, "a proof for another token");
    }
    net::PeerCertificates strange;
    HandshakeClient stranger(world_.certificate(kAgent, true));
    const auto tls = must(net::TlsServer::create(world_.certificate("spiffe://bench.example/gate"), true));
    stranger.against([&](int fd) -> std::function<bool()> {
      auto transport = std::shared_ptr<net::Transport>(must(net::tls_transport(*tls, fd)));
      return [&, transport] {
        if (transport->handshake().state != net::IoState::kDone) return false;
        auto shown = presentation({});
        shown.certificates = transport->peer_certificates();
        if (!shown.certificates) give_up("a client's certificate was not seen");
        expect_refusal(*fresh_, shown, "an SVID of a strange authority");
        return true;
      };
    });
  }

  static Slice repeat(double seconds, const std::function<void()>& once) {
    Slice out;
    const double began_s = thread_cpu_s();
    do {
      for (int i = 0; i < kStridePerLook; ++i) once();
      out.operations += kStridePerLook;
      out.cpu_s = thread_cpu_s() - began_s;
    } while (out.cpu_s < seconds);
    return out;
  }

  Slice tokens(double seconds, identity::Authenticator& authenticator, const std::string& authorization) {
    return repeat(seconds, [&] { expect_agent(authenticator, presentation(authorization), model::Assurance::kBearer); });
  }

  Slice proofs(double seconds, identity::Authenticator& authenticator) {
    std::vector<std::string> proofs;
    proofs.reserve(kProofs);
    while (proofs.size() < kProofs) proofs.push_back(world_.proof(bound_token_));
    Slice out;
    const double began_s = thread_cpu_s();
    for (const auto& proof : proofs) {
      auto shown = presentation(bound_);
      shown.dpop = {proof};
      expect_agent(authenticator, std::move(shown), model::Assurance::kDpop);
      ++out.operations;
      if (out.operations % kStridePerLook == 0 && thread_cpu_s() - began_s >= seconds) break;
    }
    out.cpu_s = thread_cpu_s() - began_s;
    return out;
  }

  // The server's part of a handshake and the verification of what the client showed in it.
  Slice handshakes(double seconds, identity::Authenticator& authenticator) {
    Slice out;
    for (; out.cpu_s < seconds; ++out.operations) {
      out.cpu_s += client_.against([&](int fd) -> std::function<bool()> {
        auto transport = std::shared_ptr<net::Transport>(must(net::tls_transport(*tls_, fd)));
        return [&authenticator, transport] {
          const auto state = transport->handshake().state;
          if (state == net::IoState::kFailed) give_up("a handshake failed: " + transport->problem().text());
          if (state != net::IoState::kDone) return false;
          auto shown = presentation({});
          shown.certificates = transport->peer_certificates();
          expect_agent(authenticator, std::move(shown), model::Assurance::kMtls);
          return true;
        };
      });
    }
    return out;
  }

  Slice bare_handshakes(double seconds) {
    BareServer server(world_.certificate("spiffe://bench.example/gate"), world_.authority_der());
    Slice out;
    for (; out.cpu_s < seconds; ++out.operations) out.cpu_s += client_.against([&](int fd) { return server.serve(fd); });
    return out;
  }

  // An act on a connection whose certificate was verified before.
  Slice acts_by_certificate(double seconds) {
    std::shared_ptr<const net::PeerCertificates> certificates;
    client_.against([&](int fd) -> std::function<bool()> {
      auto transport = std::shared_ptr<net::Transport>(must(net::tls_transport(*tls_, fd)));
      return [&certificates, transport] {
        if (transport->handshake().state != net::IoState::kDone) return false;
        certificates = transport->peer_certificates();
        return true;
      };
    });
    return repeat(seconds, [&] {
      auto shown = presentation({});
      shown.certificates = certificates;
      expect_agent(*remembering_, std::move(shown), model::Assurance::kMtls);
    });
  }

  World world_;
  std::unique_ptr<identity::Authenticator> fresh_ = world_.authenticator(0);
  std::unique_ptr<identity::Authenticator> remembering_ = world_.authenticator(kRemembered);
  std::string es256_ = "Bearer " + world_.token(jose::Algorithm::kEs256);
  std::string rs256_ = "Bearer " + world_.token(jose::Algorithm::kRs256);
  std::string bound_token_ = world_.bound_token();
  std::string bound_ = "DPoP " + bound_token_;
  HandshakeClient client_{world_.certificate(kAgent)};
  std::shared_ptr<net::TlsServer> tls_;
  std::map<std::string, Work> kinds_{
      {"es256", [this](double s) { return tokens(s, *fresh_, es256_); }},
      {"es256-remembered", [this](double s) { return tokens(s, *remembering_, es256_); }},
      {"rs256", [this](double s) { return tokens(s, *fresh_, rs256_); }},
      {"rs256-remembered", [this](double s) { return tokens(s, *remembering_, rs256_); }},
      {"dpop", [this](double s) { return proofs(s, *fresh_); }},
      {"dpop-remembered", [this](double s) { return proofs(s, *remembering_); }},
      {"handshake", [this](double s) { return handshakes(s, *fresh_); }},
      {"handshake-remembered", [this](double s) { return handshakes(s, *remembering_); }},
      {"handshake-bare", [this](double s) { return bare_handshakes(s); }},
      {"certificate-remembered", [this](double s) { return acts_by_certificate(s); }},
  };
};

int run() {
  Load load;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string kind;
    double milliseconds = 0;
    words >> kind >> milliseconds;
    if (kind == "kinds") {
      std::printf("%s\n", load.kinds().c_str());
    } else {
      const auto slice = load.run(kind, milliseconds / 1000);
      std::printf("{\"operations\":%lld,\"cpu_s\":%.9f}\n", static_cast<long long>(slice.operations), slice.cpu_s);
    }
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace interlock::bench

int main() { return interlock::bench::run(); }
