// Registers the functions. The addon keeps no state of its own but the error class of each environment, so
// the main thread and any number of workers can load it.
#include <node_api.h>

#include "errors.hpp"
#include "functions.hpp"

namespace {

napi_property_descriptor method(const char* name, napi_callback callback) {
  return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_enumerable, nullptr};
}

}  // namespace

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      method("setErrorClass", baton::setErrorClass),
      method("createMemfd", baton::createMemfd),
      method("mapShared", baton::mapShared),
      method("unmapShared", baton::unmapShared),
      method("discardPages", baton::discardPages),
      method("listenUnix", baton::listenUnix),
      method("acceptUnix", baton::acceptUnix),
      method("connectUnix", baton::connectUnix),
      method("sendMessage", baton::sendMessage),
      method("receiveMessage", baton::receiveMessage),
      method("readFd", baton::readFd),
      method("writeFd", baton::writeFd),
      method("writePieces", baton::writePieces),
      method("pollFd", baton::pollFd),
      method("watchFd", baton::watchFd),
      method("setWatch", baton::setWatch),
      method("endWatch", baton::endWatch),
      method("shutdownWrite", baton::shutdownWrite),
      method("unreadBytes", baton::unreadBytes),
      method("readableBytes", baton::readableBytes),
      method("sendDatagram", baton::sendDatagram),
      method("closeFd", baton::closeFd),
      method("createEventFd", baton::createEventFd),
      method("createTimerFd", baton::createTimerFd),
      method("setTimerFd", baton::setTimerFd),
      method("setCloseOnExec", baton::setCloseOnExec),
      method("setNonBlocking", baton::setNonBlocking),
      method("duplicateFd", baton::duplicateFd),
      method("replaceInheritableFd", baton::replaceInheritableFd),
      method("makeFifo", baton::makeFifo),
      method("punchHole", baton::punchHole),
      method("findData", baton::findData),
      method("preadvNowait", baton::preadvNowait),
      method("pwritevTimed", baton::pwritevTimed),
      method("clearRange", baton::clearRange),
      method("endOfFile", baton::endOfFile),
      method("misalignment", baton::misalignment),
      method("execve", baton::execve),
      method("pidfdOpen", baton::pidfdOpen),
      method("pidfdSendSignal", baton::pidfdSendSignal),
      method("pidfdGetFd", baton::pidfdGetFd),
      method("lockOfd", baton::lockOfd),
      method("unlockOfd", baton::unlockOfd),
      method("testOfd", baton::testOfd),
      method("peerCredentials", baton::peerCredentials),
      method("peerGroups", baton::peerGroups),
      method("openTap", baton::openTap),
      method("describeTap", baton::describeTap),
      method("setTapHeaderBytes", baton::setTapHeaderBytes),
      method("setTapOffloads", baton::setTapOffloads),
      method("setTapSendBuffer", baton::setTapSendBuffer),
      method("openPty", baton::openPty),
      method("ptyPath", baton::ptyPath),
  };
  if (napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions) != napi_ok) {
    return nullptr;
  }
  return exports;
}
