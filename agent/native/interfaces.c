/* What can be captured from: libpcap's version and the interfaces of this network namespace. */
#include "addon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

napi_value library_version(napi_env env, napi_callback_info info) {
  (void)info;
  return string_of(env, pcap_lib_version());
}

/* Asks the kernel about an interface by name, over one socket: a thousand names are asked for several times a second. 0, or an errno. */
static int ask(struct instance *instance, unsigned long question, const char *name, struct ifreq *answer) {
  memset(answer, 0, sizeof *answer);
  if (strlen(name) >= sizeof answer->ifr_name) return ENODEV;
  strcpy(answer->ifr_name, name);
  if (instance->question_socket < 0) instance->question_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return ioctl(instance->question_socket, question, answer) == 0 ? 0 : errno;
}

/*
 * The kernel's number for an interface name, 0 when there is none of that name: tells a renamed or re-created one apart.
 * -1 when the kernel could not be asked, which takes a socket: a process without a file left to open has lost no interface.
 */
napi_value interface_index(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  char name[256];
  struct ifreq answer;
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL || take_string(env, arguments[0], "name", name, sizeof name) != 0) return NULL;
  int error = ask(instance, SIOCGIFINDEX, name, &answer);
  if (error == 0) return number_of(env, answer.ifr_ifindex);
  return number_of(env, error == ENODEV || error == ENXIO ? 0 : -1);
}

/* False where the kernel says that the interface is down; of what it cannot be asked, libpcap knows more. */
napi_value is_interface_up(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  napi_value result = NULL;
  char name[256];
  struct ifreq answer;
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL || take_string(env, arguments[0], "name", name, sizeof name) != 0) return NULL;
  bool is_down = ask(instance, SIOCGIFFLAGS, name, &answer) == 0 && (answer.ifr_flags & IFF_UP) == 0;
  napi_get_boolean(env, !is_down, &result);
  return result;
}

static napi_value addresses_of(napi_env env, const pcap_addr_t *first) {
  napi_value result = NULL;
  uint32_t count = 0;
  if (napi_create_array(env, &result) != napi_ok) return NULL;
  for (const pcap_addr_t *at = first; at != NULL; at = at->next) {
    char text[INET6_ADDRSTRLEN];
    const void *bytes = NULL;
    if (at->addr == NULL) continue;
    if (at->addr->sa_family == AF_INET) bytes = &((const struct sockaddr_in *)(const void *)at->addr)->sin_addr;
    if (at->addr->sa_family == AF_INET6) bytes = &((const struct sockaddr_in6 *)(const void *)at->addr)->sin6_addr;
    if (bytes == NULL || inet_ntop(at->addr->sa_family, bytes, text, sizeof text) == NULL) continue;
    napi_set_element(env, result, count++, string_of(env, text));
  }
  return result;
}

static void set_flag(napi_env env, napi_value object, const char *name, bool value) {
  napi_value result = NULL;
  napi_get_boolean(env, value, &result);
  set_property(env, object, name, result);
}

napi_value list_interfaces(napi_env env, napi_callback_info info) {
  (void)info;
  char error[PCAP_ERRBUF_SIZE] = "";
  pcap_if_t *all = NULL;
  napi_value result = NULL;
  uint32_t count = 0;
  if (pcap_findalldevs(&all, error) != 0) return throw_coded(env, "PCAP_ERROR", error);
  napi_create_array(env, &result);
  for (const pcap_if_t *at = all; at != NULL; at = at->next) {
    napi_value entry = NULL;
    if (napi_create_object(env, &entry) != napi_ok) break;
    set_property(env, entry, "name", string_of(env, at->name));
    set_property(env, entry, "description", string_of(env, at->description == NULL ? "" : at->description));
    set_property(env, entry, "addresses", addresses_of(env, at->addresses));
    set_flag(env, entry, "loopback", (at->flags & PCAP_IF_LOOPBACK) != 0);
    set_flag(env, entry, "up", (at->flags & PCAP_IF_UP) != 0);
    set_flag(env, entry, "running", (at->flags & PCAP_IF_RUNNING) != 0);
    napi_set_element(env, result, count++, entry);
  }
  pcap_freealldevs(all);
  return result;
}
