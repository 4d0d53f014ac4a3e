// What the guard runs: a visitor, the broker's core, two links back to back, the agent's splice and an app, in memory
// and without a loop. The two ends, visitor and app, cost next to nothing, so that what is counted is the path between
// them.
//
//   CoreRig rig;
//   rig.request();     // one GET from a visitor that keeps its connection, to the last byte of its answer
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/admin/access_log.h"
#include "broker/admission/admission.h"
#include "broker/desk/desk.h"
#include "broker/link/link_tunnel.h"
#include "broker/tunnels/memory_registry.h"
#include "http1/server_connection.h"
#include "link_wire.h"
#include "mux/link_stream.h"
#include "splice.h"

namespace tenfold::bench {

// A socket that takes everything at once and counts it.
class Sink : public Duplex {
 public:
  void set_handler(Handler* handler) override { handler_ = handler; }
  std::size_t write(Bytes bytes) override {
    taken += bytes.size();
    ++writes;
    return bytes.size();
  }
  std::size_t queued() const override { return 0; }
  void end() override {}
  void reset(ErrorKind) override {}
  void credit(std::size_t) override {}

  void say(std::string_view text) {
    must(handler_ != nullptr, "nobody listens");
    handler_->on_data(to_bytes(text));
  }

  std::size_t taken = 0;
  std::size_t writes = 0;

 private:
  Handler* handler_ = nullptr;
};

class CoreRig final : private http1::ServerConnection::Owner, private broker::LinkOpener, private Splice::Owner {
 public:
  // `access_log`: the operator's line for each request is written, to /dev/null.
  explicit CoreRig(bool access_log = false) : wire_(rt_, broker_end_, agent_end_) {
    if (access_log) access_log_ = *broker::AccessLogFile::open(rt_.runtime, "/dev/null", true);
    side_.access_log = access_log_.get();
    Result<broker::Claim> claim = names_.claim({"myapp"});
    must(static_cast<bool>(claim), "no claim");
    tunnel_ = std::make_shared<broker::LinkTunnel>(rt_.runtime, "myapp", pipes_);
    names_.attach(*claim, tunnel_);
    answer_ =
        "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
        "Content-Type: application/octet-stream\r\nContent-Length: 1024\r\n"
        "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nConnection: keep-alive\r\nETag: \"6592-400\"\r\n"
        "Accept-Ranges: bytes\r\n\r\n";
    answer_.append(1024, 'x');
    auto socket = std::make_unique<Sink>();
    browser_ = socket.get();
    http1::ServerConnection::Owner& owner = *this;
    visitor_ = std::make_unique<http1::ServerConnection>(shared_, patience_, owner, std::move(socket));
    visitor_->start();
    wire_.pump();
  }

  ~CoreRig() {
    visitor_ = nullptr;
    tunnel_->detach();
    rt_.graveyard.clear();
    splices_.clear();
  }

  void request() {
    const std::size_t before = browser_->taken;
    browser_->say("GET /1k HTTP/1.1\r\nHost: myapp.example.test\r\nUser-Agent: guard/1\r\nAccept: */*\r\n\r\n");
    wire_.pump();
    while (!asked_.empty()) {
      Sink* app = asked_.back();
      asked_.pop_back();
      app->say(answer_);
      wire_.pump();
    }
    must(browser_->taken > before + 1024, "no answer");
  }

  // Writes that the visitor's socket has seen.
  std::size_t visitor_writes() const { return browser_->writes; }

 private:
  // The app's socket, which answers each request that it gets in one piece.
  class App final : public Sink {
   public:
    explicit App(CoreRig& rig) : rig_(rig) {}
    std::size_t write(Bytes bytes) override {
      rig_.asked_.push_back(this);
      return Sink::write(bytes);
    }

   private:
    CoreRig& rig_;
  };

  struct AgentEnd final : QuietLinkEnd {
    explicit AgentEnd(CoreRig& r) : rig(r) {}
    void on_link_stream(std::unique_ptr<LinkStream> stream) override {
      stream->accept();
      Splice::Owner& owner = rig;
      rig.splices_.push_back(
          std::make_unique<Splice>(rig.rt_.runtime, std::move(stream), std::make_unique<App>(rig), owner));
      rig.splices_.back()->start();
    }
    CoreRig& rig;
  };

  class NoClassicDoor final : public broker::ClassicDoor {
   public:
    Result<std::uint16_t> open_classic(const broker::Claim&, std::string_view, std::string_view) override {
      return std::uint16_t{1};
    }
    std::size_t max_conn() const override { return 10; }
  };

  class NoPasswords final : public broker::PasswordCheck {
   public:
    std::optional<Verdict> ask(const VisitorLogin&, std::string_view, Call&) override { return Verdict::wrong; }
  };

  // The visit outlives the request.
  class OneVisit final : public broker::Visit {
   public:
    using Visit::Visit;

   private:
    void tune_for_link() override {}
  };

  void on_request(http::ServerStream& stream) override { desk_.assign(stream, *visit_); }
  void on_fault(http::ServerStream&, const http::Fault&, http::Limit) override { must(false, "a fault"); }
  void on_connection_closed(http1::ServerConnection&, const http::Gone&) override {
    must(false, "the visitor's connection closed");
  }
  void open_link(std::unique_ptr<Duplex>, broker::LinkGrant, std::string_view, Bytes) override {}
  void on_splice_done(Splice&, const Error&) override {}

  CoreRuntime rt_;
  broker::Router router_{"example.test"};
  broker::NameTable names_{rt_.runtime};
  broker::MemoryRegistry registry_{rt_.runtime, names_};
  broker::Admission admission_{rt_.runtime, {}};
  broker::ResumeTokens resume_tokens_{{std::string(32, 'k')}};
  NoClassicDoor classic_;
  broker::OwnSite own_site_{{}, router_, registry_};
  broker::TunnelMakers makers_{rt_.runtime, own_site_, registry_, admission_, resume_tokens_, classic_};
  broker::ProxyList proxies_;
  broker::RequestIds request_ids_;
  NoPasswords passwords_;
  broker::Metrics metrics_;
  http::Patience patience_;
  http1::ServerShared shared_{rt_.runtime};
  broker::LinkOpener& links_ = *this;
  std::unique_ptr<broker::AccessLogFile> access_log_;
  broker::DeskSide side_{rt_.runtime, shared_.head_buffers, router_,    registry_, own_site_, makers_, links_,
                         proxies_,    request_ids_,         passwords_, metrics_};
  broker::Desk desk_{side_};
  std::shared_ptr<OneVisit> visit_ =
      std::make_shared<OneVisit>("203.0.113.9:1234", "203.0.113.9", "https", false, patience_);
  QuietLinkEnd broker_end_;
  AgentEnd agent_end_{*this};
  std::string answer_;
  std::vector<Sink*> asked_;
  LinkWire wire_;
  broker::LinkPipes pipes_{rt_.runtime, wire_.broker()};
  std::shared_ptr<broker::LinkTunnel> tunnel_;
  std::vector<std::unique_ptr<Splice>> splices_;
  Sink* browser_ = nullptr;  // owned by the visitor
  std::unique_ptr<http1::ServerConnection> visitor_;
};

}  // namespace tenfold::bench
