//! Server reflection, the same for `v1` and `v1alpha`, whose messages have one form.

use bytes::Bytes;
use prost::Message;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use rustc_hash::FxHashMap;
use tonic::{Code, Status};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest,
    ServerReflectionResponse, ServiceResponse,
};

/// All that reflection tells of.
pub(crate) struct Reflection {
    services: Vec<String>,
    files: FxHashMap<String, File>,
    /// The file that defines each full name.
    symbols: FxHashMap<String, String>,
}

struct File {
    bytes: Vec<u8>,
    imports: Vec<String>,
}

impl Reflection {
    /// Tells of `services` and of the files of a serialised `FileDescriptorSet`.
    pub(crate) fn new(services: Vec<String>, descriptors: &[u8]) -> Result<Self, prost::DecodeError> {
        let mut reflection = Self {
            services,
            files: FxHashMap::default(),
            symbols: FxHashMap::default(),
        };
        for file in FileDescriptorSet::decode(descriptors)?.file {
            reflection.add(&file);
        }
        Ok(reflection)
    }

    /// Answers one request of the stream; one that asks for something unknown does not end it.
    pub(crate) fn answer(&self, request: &[u8]) -> Result<Bytes, Status> {
        // As the reference front, which cannot parse it either.
        let request = ServerReflectionRequest::decode(request)
            .map_err(|_| Status::internal("Exception deserializing request!"))?;
        let response = match &request.message_request {
            Some(MessageRequest::FileByFilename(name)) => self.file(Some(name)),
            Some(MessageRequest::FileContainingSymbol(symbol)) => self.file(self.symbols.get(symbol)),
            Some(MessageRequest::AllExtensionNumbersOfType(message)) => self.extensions(message),
            Some(MessageRequest::ListServices(_)) => self.list(),
            // Neither contracts nor services have extensions.
            Some(MessageRequest::FileContainingExtension(_)) => not_found(),
            None => error(Code::InvalidArgument),
        };
        let response = ServerReflectionResponse {
            valid_host: request.host.clone(),
            original_request: Some(request),
            message_response: Some(response),
        };
        Ok(response.encode_to_vec().into())
    }

    fn list(&self) -> MessageResponse {
        let names = self.services.iter().cloned();
        MessageResponse::ListServicesResponse(ListServiceResponse {
            service: names.map(|name| ServiceResponse { name }).collect(),
        })
    }

    /// The file and all that it imports, so that a client needs no second question.
    fn file(&self, name: Option<&String>) -> MessageResponse {
        let mut names: Vec<&String> = name.into_iter().collect();
        let mut file_descriptor_proto = Vec::new();
        let mut next = 0;
        while let Some(name) = names.get(next) {
            let Some(file) = self.files.get(*name) else {
                return not_found();
            };
            file_descriptor_proto.push(file.bytes.clone());
            for import in &file.imports {
                if !names.contains(&import) {
                    names.push(import);
                }
            }
            next += 1;
        }
        if file_descriptor_proto.is_empty() {
            return not_found();
        }
        MessageResponse::FileDescriptorResponse(FileDescriptorResponse { file_descriptor_proto })
    }

    fn extensions(&self, message: &str) -> MessageResponse {
        if !self.symbols.contains_key(message) {
            return not_found();
        }
        MessageResponse::AllExtensionNumbersResponse(ExtensionNumberResponse {
            base_type_name: message.to_owned(),
            extension_number: Vec::new(),
        })
    }

    fn add(&mut self, file: &FileDescriptorProto) {
        let package = file.package();
        for message in &file.message_type {
            self.add_message(file.name(), package, message);
        }
        for item in &file.enum_type {
            self.add_enum(file.name(), package, item);
        }
        for service in &file.service {
            let name = self.add_symbol(file.name(), package, service.name());
            for method in &service.method {
                self.add_symbol(file.name(), &name, method.name());
            }
        }
        let described = File {
            bytes: file.encode_to_vec(),
            imports: file.dependency.clone(),
        };
        self.files.insert(file.name().to_owned(), described);
    }

    fn add_message(&mut self, file: &str, scope: &str, message: &DescriptorProto) {
        let name = self.add_symbol(file, scope, message.name());
        for field in &message.field {
            self.add_symbol(file, &name, field.name());
        }
        for nested in &message.nested_type {
            self.add_message(file, &name, nested);
        }
        for item in &message.enum_type {
            self.add_enum(file, &name, item);
        }
    }

    fn add_enum(&mut self, file: &str, scope: &str, item: &EnumDescriptorProto) {
        self.add_symbol(file, scope, item.name());
        for value in &item.value {
            // A value is named beside its enum, not within it.
            self.add_symbol(file, scope, value.name());
        }
    }

    fn add_symbol(&mut self, file: &str, scope: &str, name: &str) -> String {
        let full = if scope.is_empty() {
            name.to_owned()
        } else {
            format!("{scope}.{name}")
        };
        self.symbols.insert(full.clone(), file.to_owned());
        full
    }
}

fn not_found() -> MessageResponse {
    error(Code::NotFound)
}

fn error(code: Code) -> MessageResponse {
    MessageResponse::ErrorResponse(ErrorResponse {
        error_code: code as i32,
        error_message: code.description().to_owned(),
    })
}
