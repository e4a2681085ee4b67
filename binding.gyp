# Three targets: the core as a static library, without any header of Node or libuv; the addon over it;
# and, on Linux, the program that is pid 1 in the local backend's sandboxes, which shares nothing with
# them. Configurations live side by side in build/: Release, Debug, Asan (make -C build BUILDTYPE=Asan).
# GYP_DEFINES="e2b_werror=1" makes warnings errors; it is read by `node-gyp configure`. On macOS gyp
# reads xcode_settings in place of cflags and ldflags, so each stands beside the other.
{
  'variables': {
    'e2b_werror%': 0,
    'e2b_version': "<!(sed -n 's/^  \"version\": \"\\(.*\\)\",$/\\1/p' package.json)",
    # In each target's cflags: what stands in target_defaults comes before Node's own and is undone.
    'e2b_warnings': [
      '-Wall', '-Wextra', '-Wunused-parameter', '-Wshadow', '-Wvla', '-Wconversion'
    ],
    # A static libc keeps each sandbox small; where there is none, the shared one does as well.
    'e2b_static': ['<!@(echo "int main(void){return 0;}" | ${CC:-cc} -static -x c - -o /dev/null 2>/dev/null && echo -static || true)'],
    'e2b_libraries': ['<!@(pkg-config --cflags libcurl libcjson openssl)'],
    # Where a Node was built with the system's libuv, uv.h is not among its own headers.
    'e2b_libuv': ['<!@(pkg-config --cflags libuv 2>/dev/null || true)']
  },
  'target_defaults': {
    'defines': ['_GNU_SOURCE', 'E2B_SWARM_VERSION="<(e2b_version)"'],
    'cflags': ['-fvisibility=hidden', '-ffunction-sections', '-fdata-sections'],
    'cflags_c': ['-std=c11', '-Wstrict-prototypes'],
    'include_dirs': ['csrc'],
    'xcode_settings': {
      'GCC_C_LANGUAGE_STANDARD': 'c11',
      'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES'
    },
    'configurations': {
      'Asan': {
        'inherit_from': ['Debug'],
        'cflags': ['-O1', '-fno-omit-frame-pointer', '-fsanitize=address,undefined'],
        'cflags!': ['-O0'],
        'ldflags': ['-fsanitize=address,undefined']
      }
    }
  },
  'targets': [
    {
      'target_name': 'e2b_core',
      'type': 'static_library',
      'sources': ['<!@(ls csrc/*.c)'],
      'cflags': ['<@(e2b_warnings)', '<@(e2b_libraries)'],
      'xcode_settings': {
        'OTHER_CFLAGS': ['<@(e2b_libraries)'],
        'WARNING_CFLAGS': ['<@(e2b_warnings)']
      },
      'link_settings': {
        'libraries': ['<!@(pkg-config --libs libcurl libcjson openssl)', '-lm']
      },
      'conditions': [['e2b_werror==1', {'cflags': ['-Werror']}]]
    },
    {
      'target_name': 'e2b_swarm',
      'type': 'loadable_module',
      'dependencies': ['e2b_core'],
      'sources': ['<!@(ls csrc/napi/*.c)'],
      'defines': ['NAPI_VERSION=8'],
      'cflags': ['<@(e2b_warnings)', '<@(e2b_libuv)'],
      'xcode_settings': {
        'OTHER_CFLAGS': ['<@(e2b_libuv)'],
        'OTHER_LDFLAGS': ['-Wl,-dead_strip'],
        'WARNING_CFLAGS': ['<@(e2b_warnings)']
      },
      # nodelete: a worker that ends must not unmap code that another thread, or libcurl, still needs.
      'ldflags': [
        '-Wl,-Bsymbolic', '-Wl,--exclude-libs,ALL', '-Wl,--as-needed', '-Wl,--gc-sections',
        '-Wl,-z,now', '-Wl,-z,relro', '-Wl,-z,nodelete'
      ],
      'conditions': [['e2b_werror==1', {'cflags': ['-Werror']}]]
    }
  ],
  'conditions': [
    ['OS=="linux" or OS=="mac"', {
      'targets': [
        {
          'target_name': 'e2b-init',
          'type': 'executable',
          'sources': ['<!@(ls csrc/init/*.c)'],
          # No sanitizer can be linked into a static program.
          'cflags': ['<@(e2b_warnings)'],
          'ldflags': ['<@(e2b_static)', '-Wl,--gc-sections', '-Wl,-z,noexecstack'],
          'ldflags!': ['-rdynamic'],
          'xcode_settings': {'WARNING_CFLAGS': ['<@(e2b_warnings)']},
          'configurations': {
            'Asan': {
              'cflags!': ['-fsanitize=address,undefined'],
              'ldflags!': ['-fsanitize=address,undefined']
            }
          },
          'conditions': [['e2b_werror==1', {'cflags': ['-Werror']}]]
        }
      ]
    }]
  ]
}
