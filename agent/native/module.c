/* Registration of the addon in one environment. */
#include "addon.h"
#include "pages.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* None of them has a thread before there is work for it. */
static int create_workers(struct instance *instance) {
  instance->closer = create_closer();
  if (instance->closer == NULL) return 0;
  instance->page_worker = create_page_worker();
  if (instance->page_worker != NULL) return 1;
  end_closer(instance->closer);
  return 0;
}

static void end_of_environment(void *data) {
  struct instance *instance = data;
  abandon_captures(instance);
  if (instance->question_socket >= 0) close(instance->question_socket);
  abandon_mappings(instance);
  free(instance->polled);
  free(instance);
}

static const struct {
  const char *name;
  napi_callback callback;
} functions[] = {
  {"libraryVersion", library_version},
  {"interfaces", list_interfaces},
  {"interfaceIndex", interface_index},
  {"isInterfaceUp", is_interface_up},
  {"openLive", open_live},
  {"openRing", open_ring_capture},
  {"ringRefusal", ring_refusal_here},
  {"openFile", open_file},
  {"firstByte", first_byte},
  {"readBytes", read_bytes},
  {"startSavefile", start_savefile},
  {"openFilter", open_filter},
  {"filterBatch", filter_batch},
  {"describe", describe},
  {"readBatch", read_batch},
  {"wait", wait_any},
  {"stopIntake", stop_intake},
  {"statistics", statistics},
  {"errorText", error_text},
  {"close", close_handle},
  {"isClosing", is_handle_closing},
  {"tuneNflog", tune_nflog},
  {"pageBytes", page_bytes},
  {"reserveFile", reserve_file},
  {"map", map_memory},
  {"unmap", unmap_memory},
  {"prepare", prepare_memory},
  {"share", share_memory},
  {"adopt", adopt_memory},
  {"hugePageOffset", huge_page_offset},
  {"openNetlink", open_netlink},
  {"openEvent", open_event},
  {"readNow", read_now},
  {"pollDescriptor", poll_descriptor},
  {"sendDatagram", send_datagram},
  {"limitCapabilities", limit_capabilities},
  {"keepCapabilities", keep_capabilities},
  {"execute", execute},
  {"filterSystemCalls", filter_system_calls},
  {"landlockVersion", landlock_version},
  {"limitFiles", limit_files},
  {"passCapabilities", pass_capabilities},
  {"userNamed", user_named},
  {"isIdTaken", is_id_taken},
  {"firstOutOfReach", first_out_of_reach},
  {"lockFile", lock_file},
};

NAPI_MODULE_INIT() {
  struct instance *instance = calloc(1, sizeof *instance);
  if (instance == NULL || !create_workers(instance)) {
    free(instance);
    return throw_errno(env, ENOMEM, "loading the capture addon");
  }
  instance->question_socket = -1;
  if (napi_add_env_cleanup_hook(env, end_of_environment, instance) != napi_ok) {
    end_closer(instance->closer);
    end_page_worker(instance->page_worker);
    free(instance);
    return throw_coded(env, "ERR_CAPTURE_ADDON", "the environment takes no clean-up hook");
  }
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    napi_value function = NULL;
    if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].callback, instance, &function) !=
        napi_ok) {
      return NULL;
    }
    set_property(env, exports, functions[i].name, function);
  }
  return exports;
}
