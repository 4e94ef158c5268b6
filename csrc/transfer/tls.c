/* transfer/tls.c - see tls.h */
#include "transfer/tls.h"

#include <stdio.h>
#include <string.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "plat/clock.h"
#include "transfer/curl_once.h"
#include "transfer/loop_int.h"
#include "util/text.h"
#include "util/banned.h"

bool hj_tls_is_openssl(const char *ssl_version)
{
  const char *mine = OpenSSL_version(OPENSSL_VERSION); /* "OpenSSL 3.0.19 1 Sep 2026" */
  size_t n = 0, dots = 0;
  if (!ssl_version || !hj_text_starts(ssl_version, "OpenSSL/") || !hj_text_starts(mine, "OpenSSL "))
    return false;
  ssl_version += 8;
  mine += 8;
  while (ssl_version[n] && ssl_version[n] == mine[n] && dots < 2)
    dots += mine[n++] == '.';
  return dots == 2; /* "3.0." or "1.1.": objects of the same shape */
}

/* A name as people write it, "O=Corp, CN=Corp Root": organisation first, it is what tells a company's proxy. */
static void show_name(X509_NAME *name, char *out, size_t cap)
{
  static const struct { int nid; const char *label; } parts[] = { { NID_organizationName, "O=" }, { NID_commonName, "CN=" } };
  size_t at = 0;
  out[0] = 0;
  for (size_t i = 0; name && i < sizeof parts / sizeof parts[0]; i++) {
    char raw[64];
    int n = X509_NAME_get_text_by_NID(name, parts[i].nid, raw, (int)sizeof raw);
    if (n <= 0)
      continue;
    at += (size_t)snprintf(out + at, cap - at, "%s%s", at ? ", " : "", parts[i].label);
    if (at + 1 >= cap)
      return;
    hj_text_show(raw, (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1, out + at, cap - at);
    at += strlen(out + at);
  }
}

static void show_time(const ASN1_TIME *t, char *out, size_t cap)
{
  struct tm tm;
  out[0] = 0;
  if (t && ASN1_TIME_to_tm(t, &tm) == 1)
    (void)snprintf(out, cap, "%04d-%02d-%02d %02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min);
}

static void show_now(char *out, size_t cap)
{
  ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)(hj_clock_wall_ns() / 1000000000));
  show_time(now, out, cap);
  ASN1_TIME_free(now);
}

/* The first few names a certificate is for: DNS names and addresses of subjectAltName, else the common name. */
static void show_names(X509 *cert, char *out, size_t cap)
{
  GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  size_t at = 0;
  out[0] = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(all) && at + 24 < cap; i++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
    char one[64];
    if (name->type == GEN_DNS) {
      hj_text_show((const char *)ASN1_STRING_get0_data(name->d.dNSName), (size_t)ASN1_STRING_length(name->d.dNSName), one, sizeof one);
    } else if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.iPAddress) == 4) {
      const unsigned char *ip = ASN1_STRING_get0_data(name->d.iPAddress);
      (void)snprintf(one, sizeof one, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
    } else {
      continue;
    }
    int n = snprintf(out + at, cap - at, "%s%s", at ? ", " : "", one);
    if (n < 0 || at + (size_t)n >= cap)
      break;
    at += (size_t)n;
  }
  GENERAL_NAMES_free(all);
  if (!at) {
    char raw[64];
    int n = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, raw, (int)sizeof raw);
    hj_text_show(raw, n > 0 ? strlen(raw) : 0, out, cap);
  }
}

static void note(struct hj_tls_peer *peer, X509 *leaf, X509 *top, X509 *about)
{
  if (leaf)
    show_names(leaf, peer->names, sizeof peer->names);
  if (top)
    show_name(X509_get_issuer_name(top), peer->issuer, sizeof peer->issuer);
  if (about) {
    show_time(X509_get0_notBefore(about), peer->from, sizeof peer->from);
    show_time(X509_get0_notAfter(about), peer->to, sizeof peer->to);
  }
}

/* A connection outlives the request that it was made for, and a server may ask for another handshake (TLS 1.2): so the request is looked for
 * among those of its loop, which lives longer than its connections. */
static struct hj_tls_peer *peer_of(SSL *ssl)
{
  const struct hj_loop *l = ssl ? SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), hj_curl_tls_index(0)) : NULL;
  const struct hj_request *wanted = l ? SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), hj_curl_tls_index(1)) : NULL;
  struct hj_request *r = l ? l->first : NULL;
  while (r && r != wanted)
    r = r->next;
  return r ? &r->peer : NULL;
}

/* Called by OpenSSL for each certificate of the chain, and for each problem. Answers what it was told. */
static int on_verify(int good, X509_STORE_CTX *store)
{
  SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  struct hj_tls_peer *peer;
  STACK_OF(X509) *shown = X509_STORE_CTX_get0_untrusted(store);
  X509 *here = X509_STORE_CTX_get_current_cert(store);
  const char *host;
  if (good && X509_STORE_CTX_get_error_depth(store) != 0)
    return good;
  peer = peer_of(ssl);
  if (!peer || (good && peer->problem))
    return good;
  host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  hj_text_show(host ? host : "", host ? strlen(host) : 0, peer->host, sizeof peer->host);
  peer->problem = good ? 0 : X509_STORE_CTX_get_error(store);
  /* What nobody here knows is signed by whom the last of the shown certificates names. */
  note(peer, X509_STORE_CTX_get0_cert(store), sk_X509_num(shown) > 0 ? sk_X509_value(shown, sk_X509_num(shown) - 1) : here, here);
  return good;
}

/* Two records and their heads fit: a read of the socket brings both, where OpenSSL by itself asks twice for each (head, rest). 10 % of the
 * client's CPU for a large file over TLS; twice and four times as much brought no more (docs/performance.md). */
#define AHEAD ((size_t)34 << 10)

/* libcurl goes on reading until OpenSSL has nothing whole left, or comes back by itself: true of 8.14 (its transfer.c, sendrecv_dl), 7.88
 * was seen to wait for a socket that had given all. Over HTTP/2 its own buffers may be full before that, and a CONNECT's answer is read
 * by other code: those stay as they were. */
static void read_ahead(const struct hj_request *r, SSL_CTX *context)
{
  if (r->lane || r->proxied || !hj_curl_reads_on())
    return;
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, AHEAD);
}

static CURLcode on_context(CURL *easy, void *context, void *user)
{
  struct hj_request *r = user;
  (void)easy;
  read_ahead(r, context);
  if (SSL_CTX_set_ex_data(context, hj_curl_tls_index(0), r->loop) == 1 && SSL_CTX_set_ex_data(context, hj_curl_tls_index(1), r) == 1)
    SSL_CTX_set_verify(context, SSL_CTX_get_verify_mode(context), on_verify);
  return CURLE_OK;
}

CURLcode hj_tls_watch(struct hj_request *r)
{
  CURLcode rc;
  if (hj_curl_tls_index(0) < 0)
    return CURLE_OK;
  rc = curl_easy_setopt(r->easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
  return rc == CURLE_OK ? curl_easy_setopt(r->easy, CURLOPT_SSL_CTX_DATA, r) : rc;
}

static const char *or_unknown(const char *text) { return text[0] ? text : "somebody without a name"; }

void hj_tls_explain(const struct hj_tls_peer *peer, CURLcode rc, const char *asked, const char *detail, struct hj_err *e)
{
  const char *host = peer->host[0] ? peer->host : asked;
  char now[24];
  if (rc == CURLE_SSL_CACERT_BADFILE) {
    hj_fail(e, HJ_E_TLS_STORE, "the trusted certificates cannot be read: %s", detail);
    return;
  }
  hj_text_show(peer->issuer, strlen(peer->issuer), e->issuer, sizeof e->issuer);
  switch (peer->problem) {
  case X509_V_OK:
    if (peer->names[0]) /* the chain is good: libcurl then looks at the name */
      hj_fail(e, HJ_E_TLS_HOST, "the certificate that was shown is for %s, not for %s", peer->names, host);
    else
      hj_fail(e, HJ_E_TLS, "%s", detail);
    return;
  case X509_V_ERR_CERT_HAS_EXPIRED:
  case X509_V_ERR_CERT_NOT_YET_VALID:
    show_now(now, sizeof now);
    hj_fail(e, HJ_E_TLS_DATE, "the certificate of %s %s %s UTC; this computer's clock says %s", host,
            peer->problem == X509_V_ERR_CERT_HAS_EXPIRED ? "expired on" : "begins to hold only on",
            peer->problem == X509_V_ERR_CERT_HAS_EXPIRED ? peer->to : peer->from, now);
    return;
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    hj_fail(e, HJ_E_TLS_SELF, "the certificate of %s is signed by nobody but itself (%s)", host, or_unknown(peer->issuer));
    return;
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    hj_fail(e, HJ_E_TLS_ISSUER, "the certificate of %s was signed by %s, which is not trusted here", host, or_unknown(peer->issuer));
    return;
  default:
    hj_fail(e, HJ_E_TLS, "the certificate of %s is not accepted: %s (signed by %s)", host, X509_verify_cert_error_string(peer->problem),
            or_unknown(peer->issuer));
  }
}

void hj_tls_look(CURL *easy, char *version, size_t cap, struct hj_tls_peer *peer)
{
  struct curl_tlssessioninfo *session = NULL;
  STACK_OF(X509) *shown;
  SSL *ssl;
  version[0] = 0;
  if (hj_curl_tls_index(0) < 0 || curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &session) != CURLE_OK || !session ||
      session->backend != CURLSSLBACKEND_OPENSSL || !session->internals)
    return;
  ssl = session->internals;
  shown = SSL_get_peer_cert_chain(ssl);
  (void)snprintf(version, cap, "%s", SSL_get_version(ssl));
  if (sk_X509_num(shown) > 0)
    note(peer, sk_X509_value(shown, 0), sk_X509_value(shown, sk_X509_num(shown) - 1), sk_X509_value(shown, 0));
}
