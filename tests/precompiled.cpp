// Exists so that there is something to make the precompiled header with: see CMakeLists.txt.
