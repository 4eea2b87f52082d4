class Epigraph < Formula
  desc "Keep your favourite quote in Neon Postgres, signed in with Okta"
  homepage "@REPOSITORY@"
  version "@VERSION@"
  license "MIT"

  on_macos do
    on_arm do
      url "@REPOSITORY@/releases/download/v@VERSION@/epigraph-@VERSION@-aarch64-apple-darwin.tar.gz"
      sha256 "@SHA256 -aarch64-apple-darwin.tar.gz@"
    end
    on_intel do
      url "@REPOSITORY@/releases/download/v@VERSION@/epigraph-@VERSION@-x86_64-apple-darwin.tar.gz"
      sha256 "@SHA256 -x86_64-apple-darwin.tar.gz@"
    end
  end

  # Linked with nothing: Homebrew's own OpenSSL and the system's are both left alone.
  on_linux do
    on_arm do
      url "@REPOSITORY@/releases/download/v@VERSION@/epigraph-@VERSION@-aarch64-unknown-linux-musl.tar.gz"
      sha256 "@SHA256 -aarch64-unknown-linux-musl.tar.gz@"
    end
    on_intel do
      url "@REPOSITORY@/releases/download/v@VERSION@/epigraph-@VERSION@-x86_64-unknown-linux-musl.tar.gz"
      sha256 "@SHA256 -x86_64-unknown-linux-musl.tar.gz@"
    end
  end

  def install
    bin.install "epigraph"
    man1.install "man/epigraph.1"
    bash_completion.install "completions/epigraph.bash" => "epigraph"
    zsh_completion.install "completions/_epigraph"
    fish_completion.install "completions/epigraph.fish"
    doc.install "config.example.toml"
  end

  test do
    assert_equal "epigraph #{version}\n", shell_output("#{bin}/epigraph --version")
  end
end
