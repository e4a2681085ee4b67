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

$(FUZZ_INIT:%=$(BUILD)/fuzz_%.o): BASE += -iquote $(INIT)
$(FUZZ_INIT:%=$(BUILD)/replay_%): $(BUILD)/replay_%: $(BUILD)/fuzz_%.o $(BUILD)/replay.o \
  $(BUILD)/libinit.a
	@echo "  link    $@"
	@$(CC) $(SANITIZE) $^ -o $@

-include $(wildcard $(BUILD)/init/*.d $(BUILD)/init/test/*.d)
