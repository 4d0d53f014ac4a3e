#include "broker/desk/request_log.h"

#include "http/failure_texts.h"

namespace tenfold::broker {
namespace {

void log_rejected(Log& log, const RequestRecord& record, std::string_view reason) {
  if (record.limit == http::Limit::none) {
    return log.info("reject", {{"reason", reason}, {"status", record.status}, {"peer", record.peer}});
  }
  log.info("reject",
           {{"reason", reason}, {"limit", to_string(record.limit)}, {"status", record.status}, {"peer", record.peer}});
}

void log_failed(Log& log, const RequestRecord& record) {
  const FailureForm& form = failure_form(record.why);
  if (form.origin == Origin::visitor) return log_rejected(log, record, form.code);
  const bool waited = record.limit != http::Limit::none;
  const std::string_view cause = waited ? to_string(record.limit) : std::string_view(to_string(record.why.kind));
  std::string detail = record.why.detail;
  if (!record.hint.empty()) detail += "; it " + record.hint;
  log.at(form.level, "failed",
         {{"tunnel", record.tunnel},
          {"code", form.code},
          {"origin", to_string(record.why.origin)},
          {waited ? "limit" : "cause", cause},
          {"detail", detail},
          {"request", record.request_id},
          {"peer", record.peer}});
}

}  // namespace

void log_request(Log& log, const RequestRecord& record) {
  if (record.outcome == Outcome::rejected) return log_rejected(log, record, record.reason);
  if (record.outcome == Outcome::failed) return log_failed(log, record);
  if (record.limit != http::Limit::none) {
    return log.info("cut", {{"limit", to_string(record.limit)},
                            {"tunnel", record.tunnel},
                            {"request", record.request_id},
                            {"peer", record.peer}});
  }
  if (!log.wants(LogLevel::debug)) return;
  log.debug("request", {{"tunnel", record.tunnel},
                        {"status", record.status},
                        {"in", record.body_in},
                        {"out", record.body_out},
                        {"request", record.request_id},
                        {"peer", record.peer}});
}

}  // namespace tenfold::broker
