// The control channel over TLS, with certificates that openssl made for this run.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "verbs/hosts/agent_server.h"
#include "verbs/hosts/coordinator.h"

namespace weft::verbs {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

struct KeyPair {
  std::string certificate, key;
};

class VerbsTls : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = std::filesystem::temp_directory_path() / ("weft-tls-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    made = make("ours") && make("theirs");
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder); }
  void SetUp() override {
    if (!made) GTEST_SKIP() << "openssl is not installed: no certificates";
    ours = load("ours");
    theirs = load("theirs");
  }

  std::unique_ptr<AgentServer> agent(const KeyPair& pair, const std::string& root = {}) {
    AgentServerOptions options;
    options.port = 0;
    options.security = {"a-secret-of-this-test", pair.certificate, pair.key, root, {}};
    auto server = AgentServer::start(options, pretended_plane(10), never);
    EXPECT_TRUE(server) << server.error().text();
    return server ? std::move(*server) : nullptr;
  }

  // Two agents of one certificate, and a coordinator that trusts `root`.
  ClusterResult run(const KeyPair& pair, const std::string& root, const KeyPair& own = {},
                    const std::string& asked = {}, const std::string& name = "agent.test") {
    const auto first = agent(pair, asked), second = agent(pair, asked);
    ClusterRequest request;
    request.hosts = {{"host0", "127.0.0.1", first->port()}, {"host1", "127.0.0.1", second->port()}};
    request.plan.duration_ms = 20;
    request.security = {"a-secret-of-this-test", own.certificate, own.key, root, name};
    request.hello = 2s;
    const auto start = Clock::now();
    auto result = run_cluster(
        request, [](const TrafficPoint&) {}, [](const ClusterProgress&) {}, never);
    EXPECT_LT(Clock::now() - start, 10s);
    return result;
  }

  static bool make(const std::string& name) {
    const std::string path = (folder / name).string();
    return std::system(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
                        "/CN=agent.test -addext subjectAltName=DNS:agent.test -keyout " +
                        path + ".key -out " + path + ".pem >/dev/null 2>&1")
                           .c_str()) == 0;
  }
  static KeyPair load(const std::string& name) {
    const std::string path = (folder / name).string();
    return {read_pem(path + ".pem").value(), read_pem(path + ".key").value()};
  }

  static inline std::filesystem::path folder;
  static inline bool made = false;
  KeyPair ours, theirs;
  std::atomic<bool> never{false};
};

TEST_F(VerbsTls, AgentsBehindTlsAreMeasured) {
  const ClusterResult result = run(ours, ours.certificate);
  EXPECT_FALSE(result.error) << result.error->text();
  EXPECT_EQ(result.points.size(), 2u);
}

TEST_F(VerbsTls, CoordinatorWithACertificateThatAgentsAskForIsServed) {
  const ClusterResult result = run(ours, ours.certificate, theirs, theirs.certificate);
  EXPECT_FALSE(result.error) << result.error->text();
  EXPECT_EQ(result.points.size(), 2u);
}

TEST_F(VerbsTls, CoordinatorThatAgentsDoNotTrustIsRefused) {
  for (const KeyPair& own : {KeyPair{}, ours}) {
    const ClusterResult result = run(ours, ours.certificate, own, theirs.certificate);
    ASSERT_TRUE(result.error);
    EXPECT_THAT(result.error->text(), HasSubstr("host0"));
    EXPECT_TRUE(result.points.empty());
  }
}

TEST_F(VerbsTls, AgentThatCannotBeTrustedIsRefused) {
  for (const auto& result : {run(theirs, ours.certificate), run(ours, ours.certificate, {}, {}, "another.test")}) {
    ASSERT_TRUE(result.error);
    EXPECT_EQ(result.error->code, ErrorCode::kEnvironment);
    EXPECT_THAT(result.error->text(), HasSubstr("host0"));
    EXPECT_TRUE(result.points.empty());
  }
}

TEST_F(VerbsTls, CoordinatorWithoutTlsIsToldWhatToCheck) {
  const ClusterResult result = run(ours, {});
  ASSERT_TRUE(result.error);
  EXPECT_THAT(result.error->text(), HasSubstr("TLS"));
}

TEST_F(VerbsTls, KeyOfAnotherCertificateIsRefused) {
  AgentServerOptions options;
  options.port = 0;
  options.security = {"a-secret-of-this-test", ours.certificate, theirs.key, {}, {}};
  const auto server = AgentServer::start(options, pretended_plane(10), never);
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().text(), HasSubstr("the key does not fit the certificate"));
}

}  // namespace
}  // namespace weft::verbs
