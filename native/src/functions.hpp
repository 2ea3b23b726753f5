// Every function the addon exports. N.B. Keep in sync with addon.cpp and native/addon.ts: the same names, the
// same arguments and the same order. Each one makes one group of system calls; decisions are TypeScript's.
#pragma once

#include <node_api.h>

namespace baton {

napi_value createMemfd(napi_env env, napi_callback_info info);
napi_value mapShared(napi_env env, napi_callback_info info);
napi_value unmapShared(napi_env env, napi_callback_info info);
napi_value discardPages(napi_env env, napi_callback_info info);
napi_value listenUnix(napi_env env, napi_callback_info info);
napi_value acceptUnix(napi_env env, napi_callback_info info);
napi_value connectUnix(napi_env env, napi_callback_info info);
napi_value sendMessage(napi_env env, napi_callback_info info);
napi_value receiveMessage(napi_env env, napi_callback_info info);
napi_value readFd(napi_env env, napi_callback_info info);
napi_value writeFd(napi_env env, napi_callback_info info);
napi_value writePieces(napi_env env, napi_callback_info info);
napi_value pollFd(napi_env env, napi_callback_info info);
napi_value watchFd(napi_env env, napi_callback_info info);
napi_value setWatch(napi_env env, napi_callback_info info);
napi_value endWatch(napi_env env, napi_callback_info info);
napi_value shutdownWrite(napi_env env, napi_callback_info info);
napi_value unreadBytes(napi_env env, napi_callback_info info);
napi_value readableBytes(napi_env env, napi_callback_info info);
napi_value sendDatagram(napi_env env, napi_callback_info info);
napi_value closeFd(napi_env env, napi_callback_info info);
napi_value createEventFd(napi_env env, napi_callback_info info);
napi_value createTimerFd(napi_env env, napi_callback_info info);
napi_value setTimerFd(napi_env env, napi_callback_info info);
napi_value setCloseOnExec(napi_env env, napi_callback_info info);
napi_value setNonBlocking(napi_env env, napi_callback_info info);
napi_value duplicateFd(napi_env env, napi_callback_info info);
napi_value replaceInheritableFd(napi_env env, napi_callback_info info);
napi_value makeFifo(napi_env env, napi_callback_info info);
napi_value punchHole(napi_env env, napi_callback_info info);
napi_value findData(napi_env env, napi_callback_info info);
napi_value preadvNowait(napi_env env, napi_callback_info info);
napi_value pwritevTimed(napi_env env, napi_callback_info info);
napi_value clearRange(napi_env env, napi_callback_info info);
napi_value endOfFile(napi_env env, napi_callback_info info);
napi_value misalignment(napi_env env, napi_callback_info info);
napi_value execve(napi_env env, napi_callback_info info);
napi_value pidfdOpen(napi_env env, napi_callback_info info);
napi_value pidfdSendSignal(napi_env env, napi_callback_info info);
napi_value pidfdGetFd(napi_env env, napi_callback_info info);
napi_value lockOfd(napi_env env, napi_callback_info info);
napi_value unlockOfd(napi_env env, napi_callback_info info);
napi_value testOfd(napi_env env, napi_callback_info info);
napi_value peerCredentials(napi_env env, napi_callback_info info);
napi_value peerGroups(napi_env env, napi_callback_info info);
napi_value openTap(napi_env env, napi_callback_info info);
napi_value describeTap(napi_env env, napi_callback_info info);
napi_value setTapHeaderBytes(napi_env env, napi_callback_info info);
napi_value setTapOffloads(napi_env env, napi_callback_info info);
napi_value setTapSendBuffer(napi_env env, napi_callback_info info);
napi_value openPty(napi_env env, napi_callback_info info);
napi_value ptyPath(napi_env env, napi_callback_info info);

}  // namespace baton
