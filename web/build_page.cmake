# Builds the page with npm, in a folder of the build tree. Run by web/CMakeLists.txt:
#
#   cmake -DSTEP=install|bundle -DNPM=... -DSOURCE=web -DWORK=... -DDIST=... -DFALLBACK=ON|OFF -DSTAMP=... -P build_page.cmake
#
# install: copies the package files, runs `npm ci`. bundle: copies the sources, runs vite. The stamp says what came of
# it. With FALLBACK a failure is a warning and DIST becomes a copy of the committed web/dist.

set(log ${WORK}/npm.log)

function(finish result)
  file(WRITE ${STAMP} "${result}\n")
endfunction()

function(fail what)
  if(NOT FALLBACK)
    message(FATAL_ERROR "web: ${what} failed, see ${log}")
  endif()
  message(WARNING "web: ${what} failed, see ${log}; the committed web/dist is used instead")
endfunction()

function(use_committed_dist)
  file(REMOVE_RECURSE ${DIST})
  file(COPY ${SOURCE}/dist/ DESTINATION ${DIST})
  finish(committed)
endfunction()

file(MAKE_DIRECTORY ${WORK})
if(STEP STREQUAL "install")
  file(COPY ${SOURCE}/package.json ${SOURCE}/package-lock.json ${SOURCE}/.npmrc DESTINATION ${WORK})
  execute_process(
    COMMAND ${NPM} ci --ignore-scripts --prefer-offline --no-audit --no-fund
            --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=30000
    WORKING_DIRECTORY ${WORK} RESULT_VARIABLE code OUTPUT_FILE ${log} ERROR_FILE ${log} TIMEOUT 300)
  if(code EQUAL 0)
    finish(npm)
  else()
    fail("npm ci")
    finish(committed)
  endif()
elseif(STEP STREQUAL "bundle")
  file(STRINGS ${WORK}/install.stamp installed)
  if(NOT installed STREQUAL "npm")
    use_committed_dist()
    return()
  endif()
  file(REMOVE_RECURSE ${WORK}/src ${WORK}/public)
  file(COPY ${SOURCE}/src ${SOURCE}/public ${SOURCE}/index.html ${SOURCE}/tsconfig.json ${SOURCE}/vite.config.ts
       DESTINATION ${WORK})
  execute_process(
    COMMAND ${NPM} run build --silent -- --outDir ${DIST} --emptyOutDir
    WORKING_DIRECTORY ${WORK} RESULT_VARIABLE code OUTPUT_FILE ${log} ERROR_FILE ${log} TIMEOUT 120)
  if(code EQUAL 0 AND EXISTS ${DIST}/index.html)
    finish(npm)
  else()
    fail("vite build")
    use_committed_dist()
  endif()
else()
  message(FATAL_ERROR "web: unknown step '${STEP}'")
endif()
