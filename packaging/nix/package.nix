# nix-build -E 'with import <nixpkgs> { }; callPackage ./packaging/nix/package.nix { }'
{ lib, stdenv, rustPlatform, installShellFiles, pkg-config, openssl }:

let
  manifest = (lib.importTOML ../../Cargo.toml).package;
in
rustPlatform.buildRustPackage {
  pname = manifest.name;
  inherit (manifest) version;
  src = lib.cleanSource ../..;
  cargoLock.lockFile = ../../Cargo.lock;

  nativeBuildInputs = [ installShellFiles pkg-config ];
  buildInputs = lib.optionals stdenv.hostPlatform.isLinux [ openssl ];
  # The tests of the whole program start servers.
  cargoTestFlags = [ "--lib" ];

  postInstall = lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    installManPage --name epigraph.1 <($out/bin/epigraph man)
    installShellCompletion --cmd epigraph \
      --bash <($out/bin/epigraph completions bash) \
      --fish <($out/bin/epigraph completions fish) \
      --zsh <($out/bin/epigraph completions zsh)
  '';

  meta = {
    inherit (manifest) description;
    homepage = manifest.repository;
    license = lib.licenses.mit;
    mainProgram = "epigraph";
  };
}
