#include "http2/h2_code.h"

namespace tenfold {

const char* to_string(H2Code code) {
  switch (code) {
    case H2Code::no_error: return "NO_ERROR";
    case H2Code::protocol_error: return "PROTOCOL_ERROR";
    case H2Code::internal_error: return "INTERNAL_ERROR";
    case H2Code::flow_control_error: return "FLOW_CONTROL_ERROR";
    case H2Code::settings_timeout: return "SETTINGS_TIMEOUT";
    case H2Code::stream_closed: return "STREAM_CLOSED";
    case H2Code::frame_size_error: return "FRAME_SIZE_ERROR";
    case H2Code::refused_stream: return "REFUSED_STREAM";
    case H2Code::cancel: return "CANCEL";
    case H2Code::compression_error: return "COMPRESSION_ERROR";
    case H2Code::connect_error: return "CONNECT_ERROR";
    case H2Code::enhance_your_calm: return "ENHANCE_YOUR_CALM";
    case H2Code::inadequate_security: return "INADEQUATE_SECURITY";
    case H2Code::http_1_1_required: return "HTTP_1_1_REQUIRED";
  }
  return "unknown code";
}

H2Code reset_code(ErrorKind why) {
  switch (why) {
    // RFC 9113 7: "CANCEL (0x8): The endpoint uses this error code to indicate that the stream is no longer needed."
    case ErrorKind::none:
    case ErrorKind::cancelled: return H2Code::cancel;
    // 8.7: "Requests that have not been processed have not failed; clients MAY automatically retry them."
    case ErrorKind::refused:
    case ErrorKind::unbegun: return H2Code::refused_stream;
    // 7: "CONNECT_ERROR (0xa): The connection established in response to a CONNECT request was reset or abnormally
    // closed."
    default: return H2Code::connect_error;
  }
}

ErrorKind reset_kind(H2Code code) {
  switch (code) {
    case H2Code::cancel: return ErrorKind::cancelled;
    case H2Code::refused_stream: return ErrorKind::unbegun;
    case H2Code::protocol_error:
    case H2Code::flow_control_error:
    case H2Code::stream_closed:
    case H2Code::frame_size_error:
    case H2Code::compression_error: return ErrorKind::protocol;
    case H2Code::enhance_your_calm: return ErrorKind::limit;
    default: return ErrorKind::closed;
  }
}

}  // namespace tenfold
