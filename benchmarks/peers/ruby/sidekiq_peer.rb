# Sidekiq: producer and job for the side-by-side benchmark, from Debian's ruby-sidekiq.
#
# The twin of adapters/driver.py and adapters/counting.py, with the same verbs, files and clock.
# Ruby maps no file, so a thread writes the count every 5 ms while tasks run and sleeps while none do.
# `worker` becomes Sidekiq's own command; one process is one Sidekiq, the harness starts several.

require "json"
require "sidekiq"

PAYLOAD_BYTES = 200
BULK_SIZE = 1000
WARM_UP_TASKS = 100
LATENCY_WARM_UP_TASKS = 20
HOLD_S = 600
FLUSH_S = 0.005
FOLDER = ENV.fetch("BENCH_DIR", ".")
MODE = ENV.fetch("BENCH_MODE", "count")
SERVER = { url: ENV.fetch("BENCH_URL", "redis://127.0.0.1:6379/0") }.freeze

Sidekiq.configure_server { |config| config.redis = SERVER }
Sidekiq.configure_client { |config| config.redis = SERVER }
Sidekiq.logger.level = Logger::WARN

def now_ns = Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)

# One slot per thread, so no increment can be lost; the flusher adds them up.
module Counting
  @slots = []
  @lock = Mutex.new
  @dirty = Queue.new
  @woken = false

  class << self
    def count
      slot = Thread.current[:bench_slot] || new_slot
      slot[2] = now_ns
      slot[0] += 1
      return if @woken

      @woken = true
      @dirty << true
    end

    def new_slot
      @lock.synchronize do
        start_flusher if @slots.empty?
        slot = [0, now_ns, 0]
        @slots << slot
        Thread.current[:bench_slot] = slot
      end
    end

    def start_flusher
      file = File.open(File.join(FOLDER, "count-#{Process.pid}"), "wb")
      Thread.new do
        loop do
          @dirty.pop
          sleep FLUSH_S
          @woken = false
          total = @slots.sum { |slot| slot[0] }
          first = @slots.map { |slot| slot[1] }.min
          file.pwrite([total, first, @slots.map { |slot| slot[2] }.max].pack("Q3"), 0)
        end
      end
    end
  end
end

def append(name, line) = File.open(File.join(FOLDER, name), "a") { |file| file.syswrite(line) }

class Noop
  include Sidekiq::Worker
  sidekiq_options retry: true

  def perform(payload)
    return Counting.count if MODE == "count"

    now = now_ns
    head = payload.split(":", 2).first
    if MODE == "latency"
      append("delays", "#{now - head.to_i}\n") unless head == "0"
      return Counting.count
    end
    append("held", "#{head} #{Process.pid} #{now}\n")
    Counting.count
    sleep HOLD_S if File.exist?(File.join(FOLDER, "hold-gate"))
  end
end

def payloads(total, marker)
  (0...total).map { |index| format("%s-%06d:", marker, index).ljust(PAYLOAD_BYTES, "x") }
end

def produce_latency(total)
  LATENCY_WARM_UP_TASKS.times { Noop.perform_async("0:".ljust(PAYLOAD_BYTES, "x")) }
  total.times do
    sleep(0.030 + (rand * 0.040))
    Noop.perform_async("#{now_ns}:".ljust(PAYLOAD_BYTES, "x"))
  end
end

def push_bulk(texts)
  texts.each_slice(BULK_SIZE) do |part|
    Sidekiq::Client.push_bulk("class" => Noop, "args" => part.map { |text| [text] })
  end
end

def produce(how, total)
  return produce_latency(total) if how == "latency"

  texts = payloads(total, how == "held" ? "held" : "task")
  warm_up = payloads(WARM_UP_TASKS, "warm")
  push_bulk(warm_up) if how == "bulk"
  warm_up.each { |text| Noop.perform_async(text) } if how == "one"
  started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  if %w[bulk fill].include?(how)
    push_bulk(texts)
  else
    texts.each { |text| Noop.perform_async(text) }
  end
  Process.clock_gettime(Process::CLOCK_MONOTONIC) - started
end

if $PROGRAM_NAME == __FILE__
  verb, how, total = ARGV
  if verb == "worker"
    exec("sidekiq", "-r", __FILE__, "-c", ENV.fetch("BENCH_CONCURRENCY", "10"), "-q", "default")
  end
  seconds = produce(how, Integer(total))
  puts JSON.generate(count: Integer(total), seconds: seconds.is_a?(Float) ? seconds : 0.0)
end
