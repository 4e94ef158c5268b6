/* transfer/classify.c - see classify.h */
#include "transfer/classify.h"

#include <curl/curl.h>
#include "util/banned.h"

enum hj_code hj_code_of_curl(int curl)
{
  switch ((CURLcode)curl) {
  case CURLE_OK:
    return HJ_E_OK;
  case CURLE_OUT_OF_MEMORY:
    return HJ_E_NOMEM;
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_RESOLVE_PROXY:
    return HJ_E_RESOLVE;
  case CURLE_COULDNT_CONNECT:
  case CURLE_PROXY:
  case CURLE_INTERFACE_FAILED:
    return HJ_E_CONNECT;
  case CURLE_OPERATION_TIMEDOUT:
    return HJ_E_TIMEOUT;
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_INVALIDCERTSTATUS:
  case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    return HJ_E_TLS;
  case CURLE_SSL_CONNECT_ERROR: /* seen both for a reset in the handshake and for versions that do not meet */
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_GOT_NOTHING:
  case CURLE_PARTIAL_FILE:
  case CURLE_HTTP2:
  case CURLE_HTTP2_STREAM:
  case CURLE_AGAIN:
    return HJ_E_RESET;
  case CURLE_URL_MALFORMAT:
    return HJ_E_BADARG;
  case CURLE_UNSUPPORTED_PROTOCOL: /* of an answer ("HTTP/0.9", "HTTP/7.5"): addresses of other schemes never get here */
  case CURLE_WEIRD_SERVER_REPLY:
  case CURLE_BAD_CONTENT_ENCODING:
  case CURLE_RANGE_ERROR:
    return HJ_E_PROTOCOL;
  case CURLE_FILESIZE_EXCEEDED:
    return HJ_E_TOOBIG;
  default:
    return HJ_E_PROTOCOL;
  }
}

enum hj_code hj_code_of_proxy(int curl, int connect_status, int curlpx)
{
  if (connect_status == 407)
    return HJ_E_PROXY_AUTH;
  if (connect_status >= 500 || connect_status == 429)
    return HJ_E_PROXY; /* also a proxy that cannot reach the host: 502, 503, 504 */
  if (connect_status >= 400)
    return HJ_E_PROXY_DENIED;
#if LIBCURL_VERSION_NUM >= 0x074900
  switch ((CURLproxycode)curlpx) {
  case CURLPX_NO_AUTH:
  case CURLPX_USER_REJECTED:
  case CURLPX_IDENTD:
  case CURLPX_IDENTD_DIFFER:
  case CURLPX_GSSAPI:
    return HJ_E_PROXY_AUTH;
  case CURLPX_REPLY_NOT_ALLOWED:
    return HJ_E_PROXY_DENIED;
  case CURLPX_RESOLVE_HOST: /* socks4, socks5: the host's name, which is ours to look up */
    return HJ_E_RESOLVE;
  default:
    break;
  }
#else
  (void)curlpx;
#endif
  switch ((CURLcode)curl) {
  case CURLE_PROXY:
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_COULDNT_RESOLVE_HOST: /* so libcurl says of a SOCKS proxy's own name */
  case CURLE_COULDNT_CONNECT: /* nobody else is connected to */
    return HJ_E_PROXY;
  default:
    return HJ_E_OK;
  }
}

enum hj_code hj_code_of_status(int status)
{
  if (status >= 200 && status < 400)
    return HJ_E_OK;
  switch (status) {
  case 401:
    return HJ_E_HTTP_AUTH;
  case 407: /* plain http: the proxy's answer is the answer */
    return HJ_E_PROXY_AUTH;
  case 403:
  case 451:
    return HJ_E_HTTP_DENIED;
  case 404:
  case 410:
    return HJ_E_HTTP_MISSING;
  case 408:
  case 425:
    return HJ_E_TIMEOUT;
  case 511: /* RFC 6585: sent by what stands between */
    return HJ_E_PORTAL;
  case 416:
    return HJ_E_RANGE;
  case 429:
    return HJ_E_HTTP_LIMITED;
  default:
    return status >= 500 ? HJ_E_HTTP_SERVER : HJ_E_HTTP_CLIENT;
  }
}
