{
  "targets": [
    {
      "target_name": "baton",
      "sources": [
        "src/addon.cpp",
        "src/args.cpp",
        "src/block.cpp",
        "src/credentials.cpp",
        "src/datagram.cpp",
        "src/descriptor.cpp",
        "src/errors.cpp",
        "src/exec.cpp",
        "src/fd-passing.cpp",
        "src/file.cpp",
        "src/lock.cpp",
        "src/mapping.cpp",
        "src/memfd.cpp",
        "src/poll.cpp",
        "src/process.cpp",
        "src/pty.cpp",
        "src/tap.cpp",
        "src/unix-socket.cpp",
        "src/watch.cpp"
      ],
      "defines": ["NAPI_VERSION=8"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wshadow", "-fvisibility=hidden"]
    }
  ]
}
