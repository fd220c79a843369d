// Empty: what a target needs to own precompiled headers (cmake/brazier_unit.cmake).
