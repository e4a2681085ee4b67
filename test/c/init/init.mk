# Included by ../Makefile: the tests of csrc/init, which shares nothing with the core. Each test_X.c
# here becomes test_init_X, linked with everything of csrc/init but main.c, whose malloc can be told
# to fail (heap.h). Those that drive the real program find it by E2B_INIT.

INIT := $(CSRC)/init
INIT_SOURCES := $(wildcard $(INIT)/*.c)
INIT_OBJECTS := $(INIT_SOURCES:$(INIT)/%.c=$(BUILD)/init/%.o)
INIT_LIBRARY := $(filter-out $(BUILD)/init/main.o,$(INIT_OBJECTS))
# A sanitizer cannot be linked into a static program.
INIT_LINK := $(if $(SAN),,-static)
INIT_HEAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
INIT_HELPERS := $(patsubst init/%.c,$(BUILD)/init/test/%.o,$(filter-out init/test_%,$(wildcard init/*.c)))

TESTS += $(patsubst init/test_%.c,test_init_%,$(wildcard init/test_*.c))
FUZZ_INIT := wire

$(BUILD)/init/%.o: $(INIT)/%.c
	@mkdir -p $(@D)
	@echo "  compile $<"
	@$(CC) $(BASE) $(SANITIZE) -MMD -MP -c $< -o $@

$(BUILD)/init/test/%.o: init/%.c
	@mkdir -p $(@D)
	@echo "  compile $<"
	@$(CC) $(BASE) -iquote $(INIT) -I. -DE2B_INIT='"$(abspath $(BUILD)/e2b-init)"' $(SANITIZE) -MMD -MP -c $< -o $@

$(BUILD)/libinit.a: $(INIT_LIBRARY)
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/e2b-init: $(INIT_OBJECTS)
	@echo "  link    $@"
	@$(CC) $(SANITIZE) $(INIT_LINK) $^ -o $@

$(BUILD)/test_init_%: $(BUILD)/init/test/test_%.o $(INIT_HELPERS) $(BUILD)/libinit.a \
  $(BUILD)/libe2b.a $(BUILD)/e2b-init
	@echo "  link    $@"
	@$(CC) $(SANITIZE) $(filter-out %/e2b-init,$^) -o $@ $(LIBS) $(INIT_HEAP)

# On Linux these tests run once more over the loop of macOS, on a model of its kqueue.
INIT_KQUEUE_TESTS := $(if $(filter Linux,$(shell uname)),spawn pipes stream connect watch)
INIT_KQUEUE := $(INIT_OBJECTS:$(BUILD)/init/%=$(BUILD)/init/kqueue/%) $(BUILD)/init/kqueue/model.o
INIT_KQUEUE_HELPERS := $(INIT_HELPERS:$(BUILD)/init/test/%=$(BUILD)/init/kqueue/test/%)
INIT_KQUEUE_BASE = $(BASE) -DE2B_KQUEUE -Ikqueue
TESTS += $(INIT_KQUEUE_TESTS:%=test_init_kqueue_%)

$(BUILD)/init/kqueue/%.o: $(INIT)/%.c
	@mkdir -p $(@D)
	@echo "  compile $< over kqueue"
	@$(CC) $(INIT_KQUEUE_BASE) $(SANITIZE) -MMD -MP -c $< -o $@

$(BUILD)/init/kqueue/model.o: init/kqueue/model.c
	@mkdir -p $(@D)
	@echo "  compile $<"
	@$(CC) $(INIT_KQUEUE_BASE) $(SANITIZE) -MMD -MP -c $< -o $@

$(BUILD)/init/kqueue/test/%.o: init/%.c
	@mkdir -p $(@D)
	@echo "  compile $< over kqueue"
	@$(CC) $(INIT_KQUEUE_BASE) -iquote $(INIT) -I. -DE2B_INIT='"$(abspath $(BUILD)/e2b-init)"' $(SANITIZE) -MMD -MP -c $< -o $@

$(BUILD)/test_init_kqueue_%: $(BUILD)/init/kqueue/test/test_%.o $(INIT_KQUEUE_HELPERS) \
  $(filter-out %/main.o,$(INIT_KQUEUE)) $(BUILD)/libe2b.a $(BUILD)/e2b-init
	@echo "  link    $@"
	@$(CC) $(SANITIZE) $(filter-out %/e2b-init,$^) -o $@ $(LIBS) $(INIT_HEAP)

# And what it is on macOS is looked at by the compiler, over models of headers: darwin/model.h.
INIT_DARWIN := $(if $(SAN),,$(if $(filter Linux,$(shell uname)),$(INIT_SOURCES:$(INIT)/%.c=$(BUILD)/init/darwin/%.seen)))
test: $(INIT_DARWIN)

$(BUILD)/init/darwin/%.seen: $(INIT)/%.c $(wildcard $(INIT)/*.h darwin/*.h darwin/*/*.h)
	@mkdir -p $(@D)
	@$(CC) $(BASE) -fsyntax-only -Idarwin -include darwin/model.h $<
	@touch $@

$(FUZZ_INIT:%=$(BUILD)/fuzz_%.o): BASE += -iquote $(INIT)
$(FUZZ_INIT:%=$(BUILD)/replay_%): $(BUILD)/replay_%: $(BUILD)/fuzz_%.o $(BUILD)/replay.o \
  $(BUILD)/libinit.a
	@echo "  link    $@"
	@$(CC) $(SANITIZE) $^ -o $@

-include $(wildcard $(BUILD)/init/*.d $(BUILD)/init/test/*.d $(BUILD)/init/kqueue/*.d $(BUILD)/init/kqueue/test/*.d)
